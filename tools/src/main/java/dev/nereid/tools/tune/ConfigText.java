package dev.nereid.tools.tune;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/**
 * A configuration as somebody has written it, with comments: fields can be replaced and taken out without touching the
 * rest. Immutable.
 */
final class ConfigText {
    private final String text;

    ConfigText(String text) {
        this.text = text;
    }

    /** A top-level field: its name and where it stands. */
    private record Field(String name, int start, int end) {
    }

    String text() {
        return text;
    }

    /** Returns the text with that in place of all fields of a name, or at the end where there is none. */
    ConfigText with(String name, String replacement) {
        return replace(field -> field.name().equals(name), replacement);
    }

    /** Returns the text without the fields of a name. */
    ConfigText without(String name) {
        return replace(field -> field.name().equals(name), "");
    }

    /** Returns the text with that in place of the entry of a map that has this key, or at the end where there is none. */
    ConfigText withEntry(String name, String key, String replacement) {
        return replace(field -> field.name().equals(name)
                && text.substring(field.start(), field.end()).contains('"' + key + '"'), replacement);
    }

    /** Returns what stands in the brackets of the only field of a name; empty where there is none. */
    Optional<String> content(String name) {
        List<Field> found = fields().stream().filter(field -> field.name().equals(name)).toList();
        if (found.size() != 1) {
            return Optional.empty();
        }
        String value = text.substring(found.getFirst().start(), found.getFirst().end());
        int open = value.indexOf('{');
        return open < 0 ? Optional.empty() : Optional.of(value.substring(open + 1, value.lastIndexOf('}')));
    }

    private ConfigText replace(Predicate<Field> condition, String replacement) {
        StringBuilder changed = new StringBuilder();
        int last = 0;
        boolean isDone = replacement.isEmpty();
        for (Field field : fields()) {
            if (!condition.test(field)) {
                continue;
            }
            changed.append(text, last, field.start());
            last = field.end();
            if (isDone) {
                last = endOfEmptyLine(changed, last);
            } else {
                changed.append(replacement);
                isDone = true;
            }
        }
        changed.append(text.substring(last));
        if (!isDone) {
            if (!changed.isEmpty() && changed.charAt(changed.length() - 1) != '\n') {
                changed.append('\n');
            }
            changed.append(replacement).append('\n');
        }
        return new ConfigText(changed.toString());
    }

    /** Passes over what is left of a line on which nothing else stands. */
    private int endOfEmptyLine(StringBuilder before, int end) {
        int line = before.lastIndexOf("\n") + 1;
        int next = end;
        while (next < text.length() && (text.charAt(next) == ' ' || text.charAt(next) == '\t')) {
            next++;
        }
        if (!before.substring(line).isBlank() || next >= text.length() || text.charAt(next) != '\n') {
            return end;
        }
        before.setLength(line);
        return next + 1;
    }

    private List<Field> fields() {
        List<Field> fields = new ArrayList<>();
        int i = 0;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (c == '#') {
                i = endOfComment(i);
            } else if (Character.isLetter(c) || c == '_') {
                int nameEnd = i;
                while (nameEnd < text.length() && (Character.isLetterOrDigit(text.charAt(nameEnd))
                        || text.charAt(nameEnd) == '_')) {
                    nameEnd++;
                }
                int end = endOfValue(nameEnd);
                fields.add(new Field(text.substring(i, nameEnd), i, end));
                i = end;
            } else {
                i++;
            }
        }
        return fields;
    }

    /** Returns the end of what follows a name: a scalar, a message or a list, with what separates it from the next. */
    private int endOfValue(int start) {
        int i = skipSpace(start);
        if (i < text.length() && text.charAt(i) == ':') {
            i = skipSpace(i + 1);
        }
        if (i >= text.length()) {
            return text.length();
        }
        char first = text.charAt(i);
        if (first == '{' || first == '[' || first == '<') {
            i = endOfBrackets(i);
        } else if (first == '"' || first == '\'') {
            i = endOfString(i);
        } else {
            while (i < text.length() && !Character.isWhitespace(text.charAt(i)) && ",;#".indexOf(text.charAt(i)) < 0) {
                i++;
            }
        }
        return i < text.length() && (text.charAt(i) == ',' || text.charAt(i) == ';') ? i + 1 : i;
    }

    private int skipSpace(int start) {
        int i = start;
        while (i < text.length()) {
            if (text.charAt(i) == '#') {
                i = endOfComment(i);
            } else if (Character.isWhitespace(text.charAt(i))) {
                i++;
            } else {
                break;
            }
        }
        return i;
    }

    private int endOfBrackets(int start) {
        int depth = 0;
        int i = start;
        while (i < text.length()) {
            char c = text.charAt(i);
            if (c == '#') {
                i = endOfComment(i);
                continue;
            }
            if (c == '"' || c == '\'') {
                i = endOfString(i);
                continue;
            }
            if (c == '{' || c == '[' || c == '<') {
                depth++;
            } else if (c == '}' || c == ']' || c == '>') {
                depth--;
                if (depth == 0) {
                    return i + 1;
                }
            }
            i++;
        }
        return text.length();
    }

    private int endOfString(int start) {
        char quote = text.charAt(start);
        int i = start + 1;
        while (i < text.length() && text.charAt(i) != quote) {
            i += text.charAt(i) == '\\' ? 2 : 1;
        }
        return Math.min(text.length(), i + 1);
    }

    private int endOfComment(int start) {
        int end = text.indexOf('\n', start);
        return end < 0 ? text.length() : end;
    }
}

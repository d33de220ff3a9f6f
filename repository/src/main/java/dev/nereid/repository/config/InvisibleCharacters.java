package dev.nereid.repository.config;

import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Finds characters that nobody sees, or takes for others: they come with copied text and make a configuration wrong
 * while it looks right.
 */
final class InvisibleCharacters {
    private InvisibleCharacters() {
    }

    /** Returns where the first such character outside of strings and comments is; it can't be right there. */
    static Optional<String> inSyntax(String text) {
        int line = 1;
        int lineStart = 0;
        int quote = 0;
        boolean isComment = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '\n') {
                line++;
                lineStart = i + 1;
                quote = 0;
                isComment = false;
            } else if (quote != 0) {
                if (c == '\\') {
                    i++;
                } else if (c == quote) {
                    quote = 0;
                }
            } else if (c == '#') {
                isComment = true;
            } else if (!isComment && (c == '"' || c == '\'')) {
                quote = c;
            } else if (!isComment && isTypographicQuote(c)) {
                return Optional.of(at(line, i - lineStart) + "found the typographic quote " + codePoint(c)
                        + ", expected a plain one: \" or '");
            } else if (!isComment && name(c).isPresent()) {
                return Optional.of(at(line, i - lineStart) + "found the invisible character " + named(c)
                        + "; remove it");
            }
        }
        return Optional.empty();
    }

    /** Returns a sentence for each string in a message that holds such a character. */
    static List<String> inValues(Message message) {
        List<String> found = new ArrayList<>();
        collect("", message, found);
        return found;
    }

    private static void collect(String path, Message message, List<String> found) {
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            String name = path + entry.getKey().getName();
            if (entry.getValue() instanceof List<?> values) {
                for (int i = 0; i < values.size(); i++) {
                    collectValue(name + "[" + i + "]", values.get(i), found);
                }
            } else {
                collectValue(name, entry.getValue(), found);
            }
        }
    }

    private static void collectValue(String name, Object value, List<String> found) {
        if (value instanceof Message nested) {
            collect(name + ".", nested, found);
        } else if (value instanceof String text) {
            for (int i = 0; i < text.length(); i++) {
                if (name(text.charAt(i)).isPresent()) {
                    found.add("field '" + name + "' has the invisible character " + named(text.charAt(i))
                            + " at position " + (i + 1) + " of its value");
                    return;
                }
            }
        }
    }

    private static String at(int line, int column) {
        return "line " + line + ", column " + (column + 1) + ": ";
    }

    private static boolean isTypographicQuote(char c) {
        return (c >= 0x2018 && c <= 0x201f) || c == 0xab || c == 0xbb || c == 0x2032 || c == 0x2033 || c == 0xff02
                || c == 0xff07;
    }

    private static String named(char c) {
        return codePoint(c) + name(c).map(name -> " (" + name + ")").orElse("");
    }

    static String codePoint(char c) {
        return String.format(Locale.ROOT, "U+%04X", (int) c);
    }

    /** Returns the name of an invisible character; nothing for all others. */
    static Optional<String> name(char c) {
        boolean isSpace = Character.isSpaceChar(c) && c != ' ';
        boolean isFormat = Character.getType(c) == Character.FORMAT;
        return switch (c) {
            case 0xfeff -> Optional.of("byte order mark");
            case 0xa0 -> Optional.of("no-break space");
            default -> isSpace || isFormat
                    ? Optional.of(String.valueOf(Character.getName(c)).toLowerCase(Locale.ROOT))
                    : Optional.empty();
        };
    }
}

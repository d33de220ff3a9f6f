package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads the little JSON that compiled packages describe themselves with. */
final class JsonText {
    private static final int DEEPEST = 64;

    /** What stands for {@code null}: collections here hold no null. */
    static final Object NULL = new Object();

    private final String text;
    private int at;

    private JsonText(String text) {
        this.text = text;
    }

    /**
     * Returns lists, maps, strings, booleans, numbers as doubles, and {@link #NULL}.
     *
     * @throws InferenceException INTERNAL when it is no JSON
     */
    static Object parse(String text) {
        JsonText reader = new JsonText(text);
        Object value = reader.value(0);
        reader.skipBlanks();
        if (reader.at < text.length()) {
            throw reader.broken();
        }
        return value;
    }

    private Object value(int depth) {
        skipBlanks();
        if (depth > DEEPEST || at >= text.length()) {
            throw broken();
        }
        return switch (text.charAt(at)) {
            case '[' -> list(depth);
            case '{' -> map(depth);
            case '"' -> string();
            default -> word();
        };
    }

    private List<Object> list(int depth) {
        List<Object> values = new ArrayList<>();
        at++;
        if (isNext(']')) {
            return values;
        }
        do {
            values.add(value(depth + 1));
        } while (isNext(','));
        require(']');
        return values;
    }

    private Map<String, Object> map(int depth) {
        Map<String, Object> values = new LinkedHashMap<>();
        at++;
        if (isNext('}')) {
            return values;
        }
        do {
            skipBlanks();
            if (at >= text.length() || text.charAt(at) != '"') {
                throw broken();
            }
            String key = string();
            require(':');
            values.put(key, value(depth + 1));
        } while (isNext(','));
        require('}');
        return values;
    }

    private String string() {
        StringBuilder value = new StringBuilder();
        for (at++; at < text.length() && text.charAt(at) != '"'; at++) {
            value.append(text.charAt(at) == '\\' ? escaped() : text.charAt(at));
        }
        if (at >= text.length()) {
            throw broken();
        }
        at++;
        return value.toString();
    }

    private char escaped() {
        at++;
        if (at >= text.length()) {
            throw broken();
        }
        char kind = text.charAt(at);
        return switch (kind) {
            case 'n' -> '\n';
            case 't' -> '\t';
            case 'r' -> '\r';
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'u' -> {
                if (at + 4 >= text.length()) {
                    throw broken();
                }
                String digits = text.substring(at + 1, at + 5);
                at += 4;
                yield number(digits);
            }
            default -> kind;
        };
    }

    private char number(String digits) {
        try {
            return (char) Integer.parseInt(digits, 16);
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private Object word() {
        int begin = at;
        while (at < text.length() && ",]}: \t\r\n".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String word = text.substring(begin, at);
        return switch (word) {
            case "null" -> NULL;
            case "true" -> true;
            case "false" -> false;
            default -> {
                try {
                    yield Double.valueOf(word);
                } catch (NumberFormatException e) {
                    throw broken();
                }
            }
        };
    }

    private void skipBlanks() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
    }

    private boolean isNext(char wanted) {
        skipBlanks();
        if (at < text.length() && text.charAt(at) == wanted) {
            at++;
            return true;
        }
        return false;
    }

    private void require(char wanted) {
        if (!isNext(wanted)) {
            throw broken();
        }
    }

    private InferenceException broken() {
        return InferenceException.internal("the compiled package describes itself in broken JSON, at character " + at);
    }
}

package dev.nereid.backend.api.testkit;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** As much JSON as the kit needs to talk with a server, so that it needs no library. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Writes maps, iterables, texts, numbers and truth values. */
    static String write(Object value) {
        return switch (value) {
            case Map<?, ?> members -> members.entrySet().stream()
                    .map(member -> quote(String.valueOf(member.getKey())) + ":" + write(member.getValue()))
                    .collect(Collectors.joining(",", "{", "}"));
            case List<?> elements -> elements.stream().map(Json::write).collect(Collectors.joining(",", "[", "]"));
            case Number number -> number.toString();
            case Boolean truth -> truth.toString();
            default -> quote(value.toString());
        };
    }

    private static String quote(String value) {
        StringBuilder quoted = new StringBuilder("\"");
        value.chars().forEach(c -> {
            if (c == '"' || c == '\\') {
                quoted.append('\\').append((char) c);
            } else if (c < ' ') {
                quoted.append("\\u%04x".formatted(c));
            } else {
                quoted.append((char) c);
            }
        });
        return quoted.append('"').toString();
    }

    /** Reads an object: members are maps, lists, texts, numbers as {@code Double}, truth values, or null. */
    static Map<String, @Nullable Object> readObject(String text) {
        Json json = new Json(text);
        json.blanks();
        Map<String, @Nullable Object> read = json.object();
        json.blanks();
        if (json.at < text.length()) {
            throw json.wrong();
        }
        return read;
    }

    /** Returns the elements of a list that are objects. */
    @SuppressWarnings("unchecked")
    static List<Map<String, @Nullable Object>> objects(@Nullable Object list) {
        return list == null ? List.of() : (List<Map<String, @Nullable Object>>) list;
    }

    private @Nullable Object value() {
        return switch (peek()) {
            case '{' -> object();
            case '[' -> list();
            case '"' -> string();
            default -> literal();
        };
    }

    private Map<String, @Nullable Object> object() {
        Map<String, @Nullable Object> members = new LinkedHashMap<>();
        take('{');
        while (peek() != '}') {
            String name = string();
            blanks();
            take(':');
            blanks();
            members.put(name, value());
            separator('}');
        }
        take('}');
        return members;
    }

    private List<@Nullable Object> list() {
        List<@Nullable Object> elements = new ArrayList<>();
        take('[');
        blanks();
        while (peek() != ']') {
            elements.add(value());
            separator(']');
        }
        take(']');
        return elements;
    }

    private void separator(char end) {
        blanks();
        if (peek() != end) {
            take(',');
            blanks();
        }
    }

    private String string() {
        take('"');
        StringBuilder read = new StringBuilder();
        while (peek() != '"') {
            char c = text.charAt(at++);
            if (c != '\\') {
                read.append(c);
                continue;
            }
            char escaped = peek();
            at++;
            switch (escaped) {
                case 'n' -> read.append('\n');
                case 't' -> read.append('\t');
                case 'r' -> read.append('\r');
                case 'b' -> read.append('\b');
                case 'f' -> read.append('\f');
                case 'u' -> {
                    read.append((char) Integer.parseInt(text, at, at + 4, 16));
                    at += 4;
                }
                default -> read.append(escaped);
            }
        }
        take('"');
        return read.toString();
    }

    private @Nullable Object literal() {
        int start = at;
        while (at < text.length() && ",]} \n\r\t".indexOf(text.charAt(at)) < 0) {
            at++;
        }
        String literal = text.substring(start, at);
        return switch (literal) {
            case "null" -> null;
            case "true" -> true;
            case "false" -> false;
            default -> Double.valueOf(literal);
        };
    }

    private void blanks() {
        while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char peek() {
        if (at >= text.length()) {
            throw wrong();
        }
        return text.charAt(at);
    }

    private void take(char expected) {
        if (peek() != expected) {
            throw wrong();
        }
        at++;
    }

    private AssertionError wrong() {
        return new AssertionError("no JSON at character " + at + ": " + text);
    }
}

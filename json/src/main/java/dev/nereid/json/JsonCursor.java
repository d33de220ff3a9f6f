package dev.nereid.json;

import dev.nereid.backend.api.InferenceException;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/**
 * A cursor over JSON that people write, such as a configuration: whoever moves it says what is to come, and each error
 * names its line and column. Reads exactly RFC 8259, nothing relaxed, and bounds the nesting. {@link JsonDocument} is for
 * what clients' libraries write, in the reference's words. For one thread.
 */
public final class JsonCursor {
    private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]{1,3})?");
    private static final int MAX_NUMBER_LENGTH = 400;

    private final String json;
    private final int maxDepth;
    private final UnaryOperator<String> printable;
    private int position;
    private int tokenStart;
    private int depth;

    /**
     * Creates a cursor at the start of a text.
     *
     * @param maxDepth how deep objects and arrays may be nested
     * @param printable makes what was found fit for an error, such as control characters
     */
    public JsonCursor(String json, int maxDepth, UnaryOperator<String> printable) {
        this.json = json;
        this.printable = printable;
        this.maxDepth = maxDepth;
    }

    /** Returns whether a text is a number as JSON writes it, and not longer than any has to be. */
    public static boolean isNumber(String value) {
        return value.length() <= MAX_NUMBER_LENGTH && NUMBER.matcher(value).matches();
    }

    /** Reads an object; for each key {@code members} returns what reads the value. */
    public void object(Function<String, Runnable> members) {
        open('{');
        boolean isFirst = true;
        while (peek() != '}') {
            if (!isFirst) {
                expect(',');
            }
            isFirst = false;
            if (!isString()) {
                tokenStart = position;
                throw error("found '" + printable.apply(String.valueOf(peek())) + "', expected a name in quotes");
            }
            Runnable value = members.apply(string());
            expect(':');
            value.run();
        }
        close('}');
    }

    /** Reads an array. */
    public void array(Runnable element) {
        open('[');
        boolean isFirst = true;
        while (peek() != ']') {
            if (!isFirst) {
                expect(',');
            }
            isFirst = false;
            element.run();
        }
        close(']');
    }

    /** Skips {@code null} and returns whether it was there. */
    public boolean isNull() {
        peek();
        if (json.startsWith("null", position)) {
            position += 4;
            return true;
        }
        return false;
    }

    /** Returns whether a string comes next. */
    public boolean isString() {
        return peek() == '"';
    }

    /** Reads {@code true} or {@code false}. */
    public boolean bool() {
        peek();
        tokenStart = position;
        if (json.startsWith("true", position)) {
            position += 4;
            return true;
        }
        if (json.startsWith("false", position)) {
            position += 5;
            return false;
        }
        throw error("found '" + printable.apply(String.valueOf(peek())) + "', expected true or false");
    }

    /** Reads a number as its text, or a string. */
    public String numberOrString() {
        if (isString()) {
            return string();
        }
        tokenStart = position;
        while (position < json.length() && "+-.eE0123456789".indexOf(json.charAt(position)) >= 0) {
            position++;
        }
        String number = json.substring(tokenStart, position);
        if (!isNumber(number)) {
            String found = number.isEmpty() ? String.valueOf(peek()) : number;
            throw error("found '" + printable.apply(found) + "', expected a number");
        }
        return number;
    }

    /** Reads a string and returns it without quotes and escapes. */
    public String string() {
        expect('"');
        tokenStart = position - 1;
        StringBuilder value = new StringBuilder();
        while (position < json.length()) {
            char c = json.charAt(position++);
            if (c == '"') {
                return value.toString();
            }
            if (c < ' ') {
                throw error("control character in a string");
            }
            value.append(c == '\\' ? escape() : c);
        }
        throw error("string has no end");
    }

    /** Makes sure that only blanks follow. */
    public void end() {
        skipBlanks();
        tokenStart = position;
        if (position < json.length()) {
            throw error("unexpected text after the end");
        }
    }

    /** Returns an error that names the place of the last token. */
    public InferenceException error(String message) {
        int line = 1;
        int column = 1;
        for (int i = 0; i < Math.min(tokenStart, json.length()); i++) {
            column++;
            if (json.charAt(i) == '\n') {
                line++;
                column = 1;
            }
        }
        return InferenceException.invalid("line " + line + ", column " + column + ": " + message);
    }

    private char escape() {
        char c = position < json.length() ? json.charAt(position++) : ' ';
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> unicode();
            default -> throw error("malformed escape in a string");
        };
    }

    private char unicode() {
        int value = 0;
        for (int i = 0; i < 4; i++) {
            int digit = position < json.length() ? Character.digit(json.charAt(position), 16) : -1;
            if (digit < 0 || json.charAt(position) > 'f') {
                throw error("malformed escape in a string");
            }
            value = value * 16 + digit;
            position++;
        }
        return (char) value;
    }

    private void open(char bracket) {
        expect(bracket);
        depth++;
        if (depth > maxDepth) {
            throw error("nested deeper than " + maxDepth + " levels");
        }
    }

    private void close(char bracket) {
        expect(bracket);
        depth--;
    }

    private void expect(char c) {
        if (peek() != c) {
            tokenStart = position;
            throw error("found '" + printable.apply(String.valueOf(peek())) + "', expected '" + c + "'");
        }
        tokenStart = position;
        position++;
    }

    private char peek() {
        skipBlanks();
        if (position >= json.length()) {
            tokenStart = position;
            throw error("unexpected end of text");
        }
        return json.charAt(position);
    }

    private void skipBlanks() {
        while (position < json.length() && " \t\r\n".indexOf(json.charAt(position)) >= 0) {
            position++;
        }
    }
}

package dev.nereid.json;

import dev.nereid.backend.api.InferenceException;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A value of a {@link JsonDocument}: a view that is valid until the document parses the next text. Access to the wrong
 * type fails with INVALID_ARG and the text that clients of the reference know.
 */
public final class JsonValue {
    private final JsonDocument document;
    private final long entry;
    private final int index;

    JsonValue(JsonDocument document, long entry, int index) {
        this.document = document;
        this.entry = entry;
        this.index = index;
    }

    /**
     * A member of an object.
     *
     * @param name the name
     * @param value the value
     */
    public record Member(String name, JsonValue value) {
    }

    /** Returns whether this is an object. */
    public boolean isObject() {
        return tag() == JsonDocument.OBJECT;
    }

    /** Returns whether this is an array. */
    public boolean isArray() {
        return tag() == JsonDocument.NESTED_ARRAY || tag() == JsonDocument.FLAT_ARRAY;
    }

    /** Returns whether this is a string. */
    public boolean isString() {
        return tag() == JsonDocument.STRING || tag() == JsonDocument.ESCAPED_STRING;
    }

    /** Returns whether this is a number. */
    public boolean isNumber() {
        return tag() == JsonDocument.NUMBER;
    }

    /** Returns whether this is true or false. */
    public boolean isBoolean() {
        return tag() == JsonDocument.TRUE || tag() == JsonDocument.FALSE;
    }

    /** Returns whether this is null. */
    public boolean isNull() {
        return tag() == JsonDocument.NULL;
    }

    /** Returns whether this is an integer that fits 64 signed bits. */
    public boolean isLong() {
        return isNumber() && switch (integerKind(new NumberReader())) {
            case NEGATIVE, SMALL -> true;
            case LARGE, REAL -> false;
        };
    }

    /** Returns whether this is an integer that fits 64 unsigned bits. */
    public boolean isUnsigned() {
        return isNumber() && switch (integerKind(new NumberReader())) {
            case SMALL, LARGE -> true;
            case NEGATIVE, REAL -> false;
        };
    }

    /** Returns the first member of that name; empty also where this is no object. */
    public Optional<JsonValue> find(String name) {
        int at = indexOf(name);
        return at < 0 ? Optional.empty() : Optional.of(document.valueAt(at));
    }

    /** Returns whether there is a member of that name. */
    public boolean has(String name) {
        return indexOf(name) >= 0;
    }

    /** Returns the first member of that name. */
    public JsonValue member(String name) {
        int at = indexOf(name);
        if (at < 0) {
            throw InferenceException.invalid("attempt to access non-existing object member '" + name + "'");
        }
        return document.valueAt(at);
    }

    /** Returns where the value of the first member of that name is; -1 for none. */
    private int indexOf(String name) {
        if (isObject()) {
            int end = JsonDocument.extra(entry);
            for (int at = index + 1; at < end; at = document.next(at + 1)) {
                if (document.strings().isString(document.entryAt(at), name)) {
                    return at + 1;
                }
            }
        }
        return -1;
    }

    /** Returns the members in the order of the text. */
    public List<Member> members() {
        if (!isObject()) {
            throw InferenceException.invalid("attempt to get members for non-object");
        }
        int end = JsonDocument.extra(entry);
        int count = 0;
        for (int at = index + 1; at < end; at = document.next(at + 1)) {
            count++;
        }
        Member[] members = new Member[count];
        int at = index + 1;
        for (int i = 0; i < count; i++) {
            members[i] = new Member(document.strings().text(document.entryAt(at)), document.valueAt(at + 1));
            at = document.next(at + 1);
        }
        return Arrays.asList(members);
    }

    /** Returns the elements. */
    public List<JsonValue> elements() {
        asArray();
        if (tag() == JsonDocument.FLAT_ARRAY) {
            return Arrays.asList(document.elements(entry));
        }
        JsonValue[] elements = document.views(elementCount());
        int at = index + 1;
        for (int i = 0; i < elements.length; i++) {
            elements[i] = document.valueAt(at);
            at = document.next(at);
        }
        return Arrays.asList(elements);
    }

    /** Returns the elements, integers that fit 64 unsigned bits each. */
    public long[] unsignedElements() {
        long[] numbers = document.numbers(elementCount());
        if (tag() == JsonDocument.NESTED_ARRAY) {
            List<JsonValue> elements = elements();
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = elements.get(i).asUnsigned();
            }
            return numbers;
        }
        NumberReader reader = new NumberReader();
        TextWindow window = document.window();
        int at = window.indexOf(JsonDocument.start(entry) + 1);
        for (int i = 0; i < numbers.length; i++) {
            at = window.skipSpace(at);
            // What is no number is read as none that is an integer.
            numbers[i] = unsigned(reader, reader.readInteger(window.bytes(), at, window.limit()));
            at = window.skipSpace(reader.end()) + 1;
        }
        return numbers;
    }

    /** Returns the number of elements. */
    public int elementCount() {
        asArray();
        if (tag() == JsonDocument.FLAT_ARRAY) {
            return JsonDocument.extra(entry);
        }
        int count = 0;
        int end = JsonDocument.extra(entry);
        for (int at = index + 1; at < end; at = document.next(at)) {
            count++;
        }
        return count;
    }

    /** Returns this, which must be an array. */
    public JsonValue asArray() {
        if (!isArray()) {
            throw InferenceException.invalid("attempt to access JSON non-array as array");
        }
        return this;
    }

    /** Returns this, which must be an object. */
    public JsonValue asObject() {
        if (!isObject()) {
            throw InferenceException.invalid("attempt to access JSON non-object as object");
        }
        return this;
    }

    /** Returns the text of a string. */
    public String asString() {
        if (!isString()) {
            throw InferenceException.invalid("attempt to access JSON non-string as string");
        }
        return document.strings().text(entry);
    }

    /** Returns the truth value. */
    public boolean asBoolean() {
        if (!isBoolean()) {
            throw InferenceException.invalid("attempt to access JSON non-boolean as boolean");
        }
        return tag() == JsonDocument.TRUE;
    }

    /** Returns the integer, which must fit 64 signed bits. */
    public long asLong() {
        NumberReader numbers = new NumberReader();
        if (isNumber()) {
            switch (integerKind(numbers)) {
                case NEGATIVE, SMALL -> {
                    return numbers.integer();
                }
                case LARGE, REAL -> {
                }
            }
        }
        throw InferenceException.invalid("attempt to access JSON non-signed-integer as signed-integer");
    }

    /** Returns the integer, which must fit 64 unsigned bits; the result is to be read as unsigned. */
    public long asUnsigned() {
        NumberReader numbers = new NumberReader();
        return unsigned(numbers, isNumber() ? integerKind(numbers) : NumberReader.Kind.REAL);
    }

    private static long unsigned(NumberReader numbers, NumberReader.Kind kind) {
        return switch (kind) {
            case SMALL, LARGE -> numbers.integer();
            case NEGATIVE, REAL ->
                throw InferenceException.invalid("attempt to access JSON non-unsigned-integer as unsigned-integer");
        };
    }

    /** Returns the number. */
    public double asDouble() {
        if (!isNumber()) {
            throw InferenceException.invalid("attempt to access JSON non-number as double");
        }
        TextWindow window = document.window();
        int index = window.indexOf(JsonDocument.start(entry));
        return new NumberReader().readDouble(window.bytes(), index, window.limit());
    }

    public JsonDocument document() {
        return document;
    }

    public long entry() {
        return entry;
    }

    public int index() {
        return index;
    }

    private int tag() {
        return JsonDocument.tag(entry);
    }

    private NumberReader.Kind integerKind(NumberReader numbers) {
        TextWindow window = document.window();
        int index = window.indexOf(JsonDocument.start(entry));
        return numbers.readInteger(window.bytes(), index, window.limit());
    }
}

package dev.nereid.distribution;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** JSON as values that can be changed and compared: maps, lists, texts, numbers and truth values. */
final class JsonTree {
    private JsonTree() {
    }

    static Object parse(String json) {
        return of(new JsonDocument().parse(json.getBytes(StandardCharsets.UTF_8)));
    }

    static Object of(JsonValue value) {
        if (value.isObject()) {
            Map<String, Object> members = new TreeMap<>();
            value.members().forEach(member -> members.put(member.name(), of(member.value())));
            return members;
        }
        if (value.isArray()) {
            List<Object> elements = new ArrayList<>();
            value.elements().forEach(element -> elements.add(of(element)));
            return elements;
        }
        if (value.isString()) {
            return value.asString();
        }
        if (value.isNumber()) {
            return value.asDouble();
        }
        return value.isBoolean() ? value.asBoolean() : "null";
    }

    static String text(Object tree) {
        JsonWriter writer = new JsonWriter();
        write(tree, writer);
        return new String(writer.toByteArray(), StandardCharsets.UTF_8);
    }

    private static void write(Object tree, JsonWriter writer) {
        switch (tree) {
            case Map<?, ?> _ -> {
                writer.beginObject();
                members(tree).forEach((name, value) -> write(value, writer.name(name)));
                writer.endObject();
            }
            case List<?> list -> {
                writer.beginArray();
                list.forEach(element -> write(element, writer));
                writer.endArray();
            }
            case Double number -> writer.number(number);
            case Boolean truth -> writer.bool(truth);
            default -> writer.string(tree.toString());
        }
    }

    /** Returns the members of an object; none for another value. */
    @SuppressWarnings("unchecked") // of() makes maps with texts as names only
    static Map<String, Object> members(@Nullable Object value) {
        return value instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
    }

    /** Returns the elements of a list; none for another value. */
    static List<Object> elements(@Nullable Object value) {
        return value instanceof List<?> list ? List.copyOf(list) : List.of();
    }
}

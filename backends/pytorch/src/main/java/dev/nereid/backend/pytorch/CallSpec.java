package dev.nereid.backend.pytorch;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The structure of what a compiled package takes or returns: tensors in tuples, lists and dictionaries, which are passed
 * flat.
 *
 * @param isTensor whether it is a tensor, not a collection
 * @param children the parts of a collection by their step, {@code [0]} or {@code [key]}
 */
record CallSpec(boolean isTensor, List<Child> children) {
    CallSpec {
        children = List.copyOf(children);
    }

    /** A part and how it is reached. */
    record Child(String step, CallSpec spec) {
    }

    /**
     * Reads libtorch's notation: {@code [1, {"type": "builtins.tuple", "context": "null", "children_spec": [...]}]}.
     *
     * @throws InferenceException INTERNAL when it can't be read
     */
    static CallSpec parse(String text) {
        JsonValue versioned = json(text);
        if (!versioned.isArray() || versioned.elementCount() != 2) {
            throw unreadable(text);
        }
        return spec(versioned.elements().get(1), text);
    }

    private static JsonValue json(String text) {
        try {
            return new JsonDocument().parse(text.getBytes(UTF_8));
        } catch (InferenceException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "the compiled package describes itself in broken JSON: " + e.getMessage(), e);
        }
    }

    /**
     * Reads a part of the notation.
     *
     * @param text the whole, for errors
     */
    private static CallSpec spec(JsonValue node, String text) {
        if (!node.isObject()) {
            throw unreadable(text);
        }
        Optional<JsonValue> type = node.find("type").filter(JsonValue::isString);
        if (type.isEmpty()) {
            return new CallSpec(true, List.of());
        }
        String name = type.get().asString();
        List<JsonValue> parts = node.find("children_spec").filter(JsonValue::isArray).map(JsonValue::elements)
                .orElse(List.of());
        List<String> steps = switch (name) {
            case "builtins.tuple", "builtins.list" -> indices(parts.size());
            case "builtins.dict" -> keys(node.find("context"));
            default -> throw InferenceException.internal("the compiled package has a value of type '" + name
                    + "' in its inputs or outputs; only tensors in tuples, lists and dictionaries can be served");
        };
        if (steps.size() != parts.size()) {
            throw unreadable(text);
        }
        List<Child> children = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            children.add(new Child(steps.get(i), spec(parts.get(i), text)));
        }
        return new CallSpec(false, children);
    }

    private static List<String> indices(int count) {
        List<String> steps = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            steps.add("[" + i + "]");
        }
        return steps;
    }

    /** Keys are written as a list, or as a text that holds one. */
    private static List<String> keys(Optional<JsonValue> context) {
        return context.map(value -> value.isString() ? json(value.asString()) : value).filter(JsonValue::isArray)
                .map(keys -> keys.elements().stream().map(key -> "[" + key(key) + "]").toList()).orElse(List.of());
    }

    private static String key(JsonValue key) {
        if (key.isString()) {
            return key.asString();
        }
        if (key.isLong()) {
            return Long.toString(key.asLong());
        }
        throw unreadable("a dictionary whose keys are neither texts nor integers");
    }

    /** Returns the names of the tensors of a call: {@code ARGS[0]}, {@code KWARGS[mask]}, {@code ARGS[1][x]}. */
    List<String> inputNames() {
        if (children.size() != 2) {
            throw unreadable("two parts, positional and named");
        }
        List<String> names = new ArrayList<>();
        children.get(0).spec().addNames("ARGS", names);
        children.get(1).spec().addNames("KWARGS", names);
        return names;
    }

    /** Returns the names of the tensors of a result: {@code RESULT}, or {@code RESULT[0]} and further. */
    List<String> resultNames() {
        List<String> names = new ArrayList<>();
        addNames("RESULT", names);
        return names;
    }

    private void addNames(String prefix, List<String> names) {
        if (isTensor) {
            names.add(prefix);
        }
        for (Child child : children) {
            child.spec().addNames(prefix + child.step(), names);
        }
    }

    private static InferenceException unreadable(String what) {
        return InferenceException.internal("the compiled package describes its inputs or outputs in a way that can't be"
                + " read: " + what);
    }
}

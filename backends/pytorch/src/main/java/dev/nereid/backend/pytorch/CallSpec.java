package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

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
        if (JsonText.parse(text) instanceof List<?> versioned && versioned.size() == 2) {
            return spec(versioned.get(1));
        }
        throw unreadable(text);
    }

    private static CallSpec spec(Object value) {
        if (!(value instanceof Map<?, ?> node)) {
            throw unreadable(String.valueOf(value));
        }
        Object type = node.get("type");
        if (!(type instanceof String name)) {
            return new CallSpec(true, List.of());
        }
        List<?> parts = node.get("children_spec") instanceof List<?> list ? list : List.of();
        List<String> steps = switch (name) {
            case "builtins.tuple", "builtins.list" -> indices(parts.size());
            case "builtins.dict" -> keys(node.get("context"));
            default -> throw InferenceException.internal("the compiled package has a value of type '" + name
                    + "' in its inputs or outputs; only tensors in tuples, lists and dictionaries can be served");
        };
        if (steps.size() != parts.size()) {
            throw unreadable(String.valueOf(value));
        }
        List<Child> children = new ArrayList<>();
        for (int i = 0; i < steps.size(); i++) {
            children.add(new Child(steps.get(i), spec(parts.get(i))));
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
    private static List<String> keys(@Nullable Object context) {
        Object value = context instanceof String text ? JsonText.parse(text) : context;
        return value instanceof List<?> keys ? keys.stream().map(key -> "[" + key + "]").toList() : List.of();
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

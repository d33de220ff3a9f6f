package dev.nereid.tools.perf;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads inputs from a file as perf_analyzer does: {@code {"data": [{"INPUT0": [1, 2]}, ...]}}. A value is an array, or
 * {@code {"content": [...], "shape": [...]}}; instead of an array there may be {@code {"b64": "..."}} with the bytes.
 */
final class InputFile {
    private static final Set<String> MEMBERS = Set.of("data");

    private final ModelDescription model;
    private final Shapes shapes;

    private InputFile(ModelDescription model, Shapes shapes) {
        this.model = model;
        this.shapes = shapes;
    }

    /** Returns the entries, each with its inputs in the model's order and shapes without the batch. */
    static List<List<InputTensor>> read(Path path, ModelDescription model, Shapes shapes) {
        byte[] text;
        try {
            text = Files.readAllBytes(path);
        } catch (NoSuchFileException e) {
            throw new PerfException("there is no file " + path, e);
        } catch (IOException e) {
            throw new PerfException("can't read " + path + ": " + e.getMessage(), e);
        }
        try {
            return new InputFile(model, shapes).entries(new JsonDocument().parse(text));
        } catch (InferenceException | PerfException e) {
            throw new PerfException(path + ": " + e.getMessage(), e);
        }
    }

    private List<List<InputTensor>> entries(JsonValue root) {
        for (JsonValue.Member member : root.members()) {
            if (!MEMBERS.contains(member.name())) {
                throw new PerfException("'" + member.name() + "' is not supported, expected 'data' only");
            }
        }
        List<List<InputTensor>> entries = new ArrayList<>();
        for (JsonValue entry : root.member("data").elements()) {
            // An array in the array is one stream of several; without sequences they are all the same.
            for (JsonValue step : entry.isArray() ? entry.elements() : List.of(entry)) {
                try {
                    entries.add(entry(step));
                } catch (InferenceException | PerfException e) {
                    throw new PerfException("entry " + entries.size() + ": " + e.getMessage(), e);
                }
            }
        }
        if (entries.isEmpty()) {
            throw new PerfException("'data' has no entry");
        }
        return entries;
    }

    private List<InputTensor> entry(JsonValue entry) {
        for (JsonValue.Member member : entry.members()) {
            if (model.input(member.name()).isEmpty()) {
                throw new PerfException("model '" + model.name() + "' has no input '" + member.name()
                        + "'; its inputs are "
                        + String.join(", ", model.inputs().stream().map(TensorDescription::name).toList()));
            }
        }
        List<InputTensor> inputs = new ArrayList<>();
        for (TensorDescription input : model.inputs()) {
            Optional<JsonValue> value = entry.find(input.name());
            if (value.isPresent()) {
                inputs.add(tensor(input, value.get()));
            } else if (!input.isOptional()) {
                throw new PerfException("input '" + input.name() + "' is missing");
            }
        }
        return inputs;
    }

    private InputTensor tensor(TensorDescription input, JsonValue value) {
        try {
            Optional<List<Long>> shape = value.find("shape")
                    .map(dims -> dims.elements().stream().map(JsonValue::asLong).toList());
            JsonValue content = value.isObject() ? value.find("content").orElse(value) : value;
            if (content.isObject()) {
                return encoded(input, content, shape);
            }
            TensorBytes bytes = new TensorBytes(input.dataType());
            bytes.addAll(content.asArray());
            return new InputTensor(input.name(), input.dataType(), shapes.of(input, shape, bytes.count()),
                    bytes.toByteArray());
        } catch (InferenceException e) {
            throw new PerfException("input '" + input.name() + "': " + e.getMessage(), e);
        } catch (IllegalArgumentException e) {
            throw new PerfException("input '" + input.name() + "': 'b64' is not Base64: " + e.getMessage(), e);
        }
    }

    private InputTensor encoded(TensorDescription input, JsonValue content, Optional<List<Long>> shape) {
        byte[] bytes = Base64.getDecoder().decode(content.member("b64").asString());
        if (!input.dataType().isFixedSize()) {
            TensorBytes text = new TensorBytes(input.dataType());
            text.addBytes(bytes);
            return new InputTensor(input.name(), input.dataType(), shapes.of(input, shape, 1), text.toByteArray());
        }
        int size = input.dataType().byteSize();
        if (bytes.length % size != 0) {
            throw new PerfException("input '" + input.name() + "': " + bytes.length + " bytes are no whole number of "
                    + input.dataType() + " elements");
        }
        return new InputTensor(input.name(), input.dataType(), shapes.of(input, shape, bytes.length / size), bytes);
    }
}

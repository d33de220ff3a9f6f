package dev.nereid.tools.perf;

import dev.nereid.json.JsonWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Turns inputs into the bytes of a whole HTTP request to generate or generate_stream, which finds out shapes itself. */
final class GenerateEncoder {
    private static final long ANY = -1;

    private final Target target;
    private final String path;
    private final ModelDescription model;

    GenerateEncoder(Target target, String path, ModelDescription model) {
        this.target = target;
        this.path = path;
        this.model = model;
    }

    byte[] encode(List<InputTensor> inputs) {
        JsonWriter json = new JsonWriter().beginObject();
        for (InputTensor input : inputs) {
            model.input(input.name()).ifPresent(described -> checkShape(described, input.shape()));
            json.name(input.name()).beginArray();
            RequestEncoder.writeElements(json, input);
            json.endArray();
        }
        json.endObject();
        byte[] head = (target.head("POST", path) + "Content-Type: application/json\r\nContent-Length: " + json.size()
                + "\r\n\r\n").getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(Math.addExact(head.length, json.size())).put(head).put(json.buffer(), 0, json.size())
                .array();
    }

    /** The innermost dimension of any size takes what the fixed ones leave, all others become 1. */
    private void checkShape(TensorDescription input, List<Long> shape) {
        int skipped = shape.size() - input.dims().size();
        boolean isFound = false;
        for (int i = shape.size() - 1; i >= 0; i--) {
            if (i < skipped || input.dims().get(i - skipped) == ANY) {
                if (isFound && shape.get(i) != 1) {
                    throw new PerfException("input '" + input.name() + "' would have the shape " + shape
                            + ", which generate_stream can't be told: of the dimensions of any size, all but the last "
                            + "must be 1; use -i grpc");
                }
                isFound = true;
            }
        }
    }
}

package dev.nereid.tools.perf;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** Compares the outputs of each answer with those of the first answer to the same request. Any thread may call. */
final class ResponseCheck {
    /** What is told of an answer that differs. */
    static final String DIFFERENT = "an answer's outputs differ from those of the first answer";

    private final AtomicReferenceArray<Answer> first;

    ResponseCheck(int requests) {
        first = new AtomicReferenceArray<>(requests);
    }

    /** Returns whether the answer to that request has the outputs that it had at first. */
    boolean isSame(int request, HttpReply reply) {
        Answer expected = first.get(request);
        if (expected == null) {
            Answer answer = new Answer(reply.body(), reply.jsonLength());
            if (first.compareAndSet(request, null, answer)) {
                return true;
            }
            expected = first.get(request);
        }
        return expected.hasBody(reply)
                || expected.outputs().equals(new Answer(reply.body(), reply.jsonLength()).outputs());
    }

    /** An answer: JSON, then the bytes of tensors. */
    private static final class Answer {
        private final byte[] body;
        private final int jsonLength;

        Answer(byte[] body, int jsonLength) {
            this.body = body;
            this.jsonLength = jsonLength;
        }

        boolean hasBody(HttpReply reply) {
            return Arrays.equals(body, 0, body.length, reply.buffer(), reply.bodyStart(),
                    reply.bodyStart() + reply.bodyLength());
        }

        /** Returns the outputs by name, for answers that differ in order or in what is not an output. */
        Map<String, String> outputs() {
            Map<String, String> outputs = new TreeMap<>();
            try {
                int position = jsonLength;
                for (JsonValue output : new JsonDocument().parse(body, 0, jsonLength).member("outputs").elements()) {
                    StringBuilder text = new StringBuilder(output.member("datatype").asString());
                    append(text, output.member("shape"));
                    output.find("data").ifPresent(data -> append(text, data));
                    int size = output.find("parameters").flatMap(all -> all.find("binary_data_size"))
                            .map(JsonValue::asLong).orElse(0L).intValue();
                    if (size > 0) {
                        text.append(Arrays.toString(Arrays.copyOfRange(body, position, position + size)));
                        position += size;
                    }
                    outputs.put(output.member("name").asString(), text.toString());
                }
            } catch (InferenceException e) {
                outputs.put("", "not understood: " + e.getMessage());
            }
            return outputs;
        }

        private static void append(StringBuilder text, JsonValue value) {
            text.append(' ');
            if (value.isArray()) {
                text.append('[');
                value.elements().forEach(element -> append(text, element));
                text.append(']');
            } else if (value.isLong()) {
                text.append(value.asLong());
            } else if (value.isNumber()) {
                text.append(value.asDouble());
            } else if (value.isString()) {
                text.append('"').append(value.asString()).append('"');
            } else {
                text.append(value.isBoolean() ? String.valueOf(value.asBoolean()) : "null");
            }
        }
    }
}

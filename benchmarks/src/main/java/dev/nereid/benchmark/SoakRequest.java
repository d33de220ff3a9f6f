package dev.nereid.benchmark;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A request that a soak sends again and again.
 *
 * @param name how errors name it
 * @param model where to
 * @param body what is sent
 * @param share how many of a hundred requests are like this one
 * @param check what its answer has to be
 */
record SoakRequest(String name, String model, RequestBody body, int share, Check check) {
    private static final int OK = 200;
    private static final int BAD_REQUEST = 400;
    /** How far elements that were computed may be from those of the first answer, relative to 1 or their own size. */
    private static final float TOLERANCE = 1e-4f;

    /** Looks at an answer. */
    @FunctionalInterface
    interface Check {
        /** Returns what is wrong with an answer; nothing where it is right. */
        Optional<String> problem(HttpResponse<byte[]> answer);
    }

    /** Sends it and returns what is wrong with the answer; nothing where it is right. */
    Optional<String> send(ServerClient client) {
        try {
            return check.problem(client.answer(model, body)).map(problem -> name + ": " + problem);
        } catch (BenchException e) {
            return Optional.of(name + ": " + e.getMessage());
        } catch (RuntimeException e) {
            return Optional.of(name + ": the answer is not understood: " + e);
        }
    }

    /**
     * Returns the requests of a soak. Asks the server for the first answer to each kind, looks at its elements, and expects
     * the same ever after.
     */
    static List<SoakRequest> mix(ServerClient client) {
        return List.of(same(client, BenchCase.IDENTITY_BINARY, 40), same(client, BenchCase.IDENTITY_JSON, 25),
                same(client, BenchCase.IMAGE_BINARY, 10), same(client, BenchCase.IMAGE_JSON, 1),
                computed(client, BenchCase.MLP, BenchCase.MLP, 20),
                refused("a request that is no JSON", BenchCase.IDENTITY_JSON, RequestBody.json("{\"inputs\":["), 1),
                refused("a request with too many elements", BenchCase.IDENTITY_BINARY,
                        RequestBody.of(BenchCase.IDENTITY_BINARY.inputName(), new long[]{1, 17}, false), 2),
                refused("a request without the model's input", BenchCase.IDENTITY_JSON,
                        RequestBody.of("OTHER", BenchCase.IDENTITY_JSON.shape(), true), 1));
    }

    /** Returns a request whose answer has the elements that it sends. */
    private static SoakRequest same(ServerClient client, BenchCase kind, int share) {
        RequestBody body = RequestBody.of(kind);
        HttpResponse<byte[]> first = client.infer(kind.id(), body);
        float[] elements = kind.isJson() ? jsonElements(kind, first) : elements(kind, first);
        if (!Arrays.equals(elements, RequestBody.elements(kind.shape()))) {
            throw new BenchException("the model '" + kind.id() + "' does not answer what it is sent");
        }
        byte[] expected = first.body();
        return new SoakRequest(kind.id(), kind.id(), body, share,
                answer -> status(answer, OK).or(() -> difference(expected, answer.body())));
    }

    /**
     * Returns a request whose answer is computed.
     *
     * @param reference whose answer to the same elements is the right one
     */
    static SoakRequest computed(ServerClient client, BenchCase kind, BenchCase reference, int share) {
        RequestBody body = RequestBody.of(kind);
        float[] expected = elements(reference, client.infer(reference.id(), body));
        for (float element : expected) {
            if (!Float.isFinite(element)) {
                throw new BenchException("the model '" + reference.id() + "' answers " + element);
            }
        }
        return new SoakRequest(kind.id(), kind.id(), body, share, answer -> status(answer, OK)
                .or(() -> difference(expected, elements(kind, answer))));
    }

    private static SoakRequest refused(String name, BenchCase kind, RequestBody body, int share) {
        return new SoakRequest(name, kind.id(), body, share,
                answer -> status(answer, BAD_REQUEST).or(() -> text(answer).startsWith("{\"error\":\"")
                        ? Optional.empty()
                        : Optional.of("the answer has no error: " + text(answer))));
    }

    private static Optional<String> status(HttpResponse<byte[]> answer, int expected) {
        return answer.statusCode() == expected
                ? Optional.empty()
                : Optional.of("answered with " + answer.statusCode() + ", expected " + expected + ": " + text(answer));
    }

    private static Optional<String> difference(byte[] expected, byte[] body) {
        int at = Arrays.mismatch(expected, body);
        return at < 0
                ? Optional.empty()
                : Optional.of("the answer has " + body.length + " bytes and is another one from byte " + at
                        + " on, expected the " + expected.length + " bytes of the first answer");
    }

    private static Optional<String> difference(float[] expected, float[] elements) {
        if (elements.length != expected.length) {
            return Optional.of("the answer has " + elements.length + " elements, expected " + expected.length);
        }
        for (int i = 0; i < elements.length; i++) {
            // Written so that NaN is a difference.
            if (!(Math.abs(elements[i] - expected[i]) <= TOLERANCE * Math.max(1, Math.abs(expected[i])))) {
                return Optional.of("element " + i + " is " + elements[i] + ", expected " + expected[i]);
            }
        }
        return Optional.empty();
    }

    /** Returns the elements behind the JSON of an answer. */
    private static float[] elements(BenchCase kind, HttpResponse<byte[]> answer) {
        int jsonLength = answer.headers().firstValue(ServerClient.JSON_LENGTH).map(Integer::valueOf)
                .orElseThrow(() -> new BenchException("the model '" + kind.id() + "' does not answer in binary: "
                        + text(answer)));
        byte[] body = answer.body();
        float[] elements = new float[(body.length - jsonLength) / Float.BYTES];
        ByteBuffer.wrap(body, jsonLength, body.length - jsonLength).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
                .get(elements);
        return elements;
    }

    private static float[] jsonElements(BenchCase kind, HttpResponse<byte[]> answer) {
        try {
            List<JsonValue> data = new JsonDocument().parse(answer.body()).member("outputs").elements().getFirst()
                    .member("data").elements();
            float[] elements = new float[data.size()];
            for (int i = 0; i < elements.length; i++) {
                elements[i] = (float) data.get(i).asDouble();
            }
            return elements;
        } catch (InferenceException e) {
            throw new BenchException("the model '" + kind.id() + "' does not answer in JSON: " + text(answer), e);
        }
    }

    /** Returns the beginning of an answer. */
    private static String text(HttpResponse<byte[]> answer) {
        return new String(answer.body(), 0, Math.min(200, answer.body().length), StandardCharsets.UTF_8)
                .replaceAll("\\s+", " ");
    }
}

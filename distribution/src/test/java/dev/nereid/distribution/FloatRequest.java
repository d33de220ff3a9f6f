package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.StringJoiner;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A request with tensors of FP32, sent as binary data; the outputs come as JSON. */
final class FloatRequest {
    private final StringJoiner inputs = new StringJoiner(",", "{\"inputs\":[", "]}");
    private final ByteArrayOutputStream tensors = new ByteArrayOutputStream();

    FloatRequest input(String name, Shape shape, float... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        tensors.writeBytes(bytes.array());
        inputs.add("{\"name\":\"" + name + "\",\"shape\":" + shape + ",\"datatype\":\"FP32\",\"parameters\":"
                + "{\"binary_data_size\":" + bytes.capacity() + "}}");
        return this;
    }

    /** Sends the request. */
    HttpResponse<byte[]> send(RunningServer server, String model) throws Exception {
        return server.postBinary("/v2/models/" + model + "/infer", inputs.toString(), tensors.toByteArray());
    }

    /** Sends the request, which must succeed, and returns the response's body. */
    String answer(RunningServer server, String model) throws Exception {
        HttpResponse<byte[]> response = send(server, model);
        String body = new String(response.body(), StandardCharsets.UTF_8);
        assertEquals(200, response.statusCode(), () -> body + "\n" + server.log());
        return body;
    }

    /** Returns the numbers of an output. */
    static float[] output(String answer, String name) {
        Matcher data = Pattern.compile("\"name\":\"" + name + "\"[^}]*?\"data\":\\[([^]]*)]").matcher(answer);
        if (!data.find()) {
            throw new AssertionError("no output " + name + " in " + answer);
        }
        String[] texts = data.group(1).split(",", -1);
        float[] values = new float[texts.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = Float.parseFloat(texts[i].strip());
        }
        return values;
    }
}

package dev.nereid.benchmark;

import com.google.protobuf.UnsafeByteOperations;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/** The body, or the message, of an inference request with one FP32 input of random elements, the same in every run. */
public final class RequestBody {
    private static final int SEED = 8;

    private final byte[] bytes;
    private final int jsonLength;

    private RequestBody(byte[] bytes, int jsonLength) {
        this.bytes = bytes;
        this.jsonLength = jsonLength;
    }

    /** Returns the whole body, not a copy of it. */
    public byte[] bytes() {
        return bytes;
    }

    /** Returns how much of it is JSON, where tensors follow; 0 where all is. */
    public int jsonLength() {
        return jsonLength;
    }

    /** Makes the body of a case. */
    static RequestBody of(BenchCase benchCase) {
        return benchCase.isGrpc()
                ? message(benchCase)
                : of(benchCase.inputName(), benchCase.shape(), benchCase.isJson());
    }

    /** Makes a body of this JSON, right or wrong. */
    static RequestBody json(String text) {
        return new RequestBody(text.getBytes(StandardCharsets.UTF_8), 0);
    }

    private static RequestBody message(BenchCase benchCase) {
        float[] elements = elements(benchCase.shape());
        ByteBuffer bytes = ByteBuffer.allocate(Math.multiplyExact(elements.length, Float.BYTES))
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(elements);
        ModelInferRequest.InferInputTensor.Builder input = ModelInferRequest.InferInputTensor.newBuilder()
                .setName(benchCase.inputName()).setDatatype("FP32");
        Arrays.stream(benchCase.shape()).forEach(input::addShape);
        return new RequestBody(ModelInferRequest.newBuilder().setModelName(benchCase.id()).addInputs(input)
                .addRawInputContents(UnsafeByteOperations.unsafeWrap(bytes)).build().toByteArray(), 0);
    }

    /** Makes a body. */
    public static RequestBody of(String input, long[] shape, boolean isJson) {
        float[] elements = elements(shape);
        String head = "\"inputs\":[{\"name\":\"" + input + "\",\"shape\":" + Arrays.toString(shape).replace(" ", "")
                + ",\"datatype\":\"FP32\",";
        if (isJson) {
            StringBuilder json = new StringBuilder("{").append(head).append("\"data\":[");
            for (int i = 0; i < elements.length; i++) {
                json.append(i == 0 ? "" : ",").append(elements[i]);
            }
            return new RequestBody(json.append("]}]}").toString().getBytes(StandardCharsets.US_ASCII), 0);
        }
        int tensorBytes = Math.multiplyExact(elements.length, Float.BYTES);
        byte[] json = ("{\"parameters\":{\"binary_data_output\":true}," + head
                + "\"parameters\":{\"binary_data_size\":" + tensorBytes + "}}]}").getBytes(StandardCharsets.US_ASCII);
        ByteBuffer body = ByteBuffer.allocate(json.length + tensorBytes).order(ByteOrder.LITTLE_ENDIAN).put(json);
        for (float element : elements) {
            body.putFloat(element);
        }
        return new RequestBody(body.array(), json.length);
    }

    /** Returns the elements that a body of that shape has. */
    static float[] elements(long[] shape) {
        SplittableRandom random = new SplittableRandom(SEED);
        float[] elements = new float[Math.toIntExact(Arrays.stream(shape).reduce(1, Math::multiplyExact))];
        for (int i = 0; i < elements.length; i++) {
            elements[i] = random.nextFloat();
        }
        return elements;
    }
}

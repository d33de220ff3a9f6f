package dev.nereid.tools.perf;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReferenceArray;

/** Compares the outputs of each answer with those of the first answer to the same request. Any thread may call. */
final class GrpcResponseCheck {
    private final AtomicReferenceArray<byte[]> first;

    /** An output as it was answered. */
    private record Output(String dataType, List<Long> shape, ByteString contents) {
    }

    GrpcResponseCheck(int requests) {
        first = new AtomicReferenceArray<>(requests);
    }

    /** Returns whether the answer to that request has the outputs that it had at first. */
    boolean isSame(int request, byte[] response) {
        if (first.get(request) == null && first.compareAndSet(request, null, response)) {
            return true;
        }
        byte[] expected = first.get(request);
        return Arrays.equals(expected, response) || outputs(expected).equals(outputs(response));
    }

    private static Map<String, Output> outputs(byte[] bytes) {
        Map<String, Output> outputs = new TreeMap<>();
        try {
            ModelInferResponse response = ModelInferResponse.parseFrom(bytes);
            for (int i = 0; i < response.getOutputsCount(); i++) {
                ModelInferResponse.InferOutputTensor output = response.getOutputs(i);
                outputs.put(output.getName(), new Output(output.getDatatype(), output.getShapeList(),
                        i < response.getRawOutputContentsCount()
                                ? response.getRawOutputContents(i)
                                : output.getContents().toByteString()));
            }
        } catch (InvalidProtocolBufferException e) {
            throw new PerfException("the server sent an answer that is not understood: " + e.getMessage(), e);
        }
        return outputs;
    }
}

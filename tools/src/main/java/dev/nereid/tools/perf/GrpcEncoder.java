package dev.nereid.tools.perf;

import com.google.protobuf.UnsafeByteOperations;
import dev.nereid.server.grpc.proto.InferParameter;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import java.util.List;

/** Turns inputs into the bytes of a request over gRPC, made once and sent many times. */
final class GrpcEncoder {
    private final String model;
    private final String version;
    private final boolean isStreaming;

    /**
     * Creates an encoder.
     *
     * @param isStreaming whether the end of each request is to be told, also where its last response is empty
     */
    GrpcEncoder(String model, String version, boolean isStreaming) {
        this.model = model;
        this.version = version;
        this.isStreaming = isStreaming;
    }

    byte[] encode(List<InputTensor> inputs) {
        ModelInferRequest.Builder request = ModelInferRequest.newBuilder().setModelName(model).setModelVersion(version);
        if (isStreaming) {
            request.putParameters("triton_enable_empty_final_response", bool(true));
        }
        for (InputTensor input : inputs) {
            request.addInputs(ModelInferRequest.InferInputTensor.newBuilder().setName(input.name())
                    .setDatatype(input.dataType().name()).addAllShape(input.shape()));
            request.addRawInputContents(UnsafeByteOperations.unsafeWrap(input.bytes()));
        }
        return request.build().toByteArray();
    }

    /** Returns the parameters of a place in a sequence, to be written before a request: messages may come in parts. */
    static byte[] parameters(SequencePlace place) {
        return ModelInferRequest.newBuilder()
                .putParameters("sequence_id", InferParameter.newBuilder().setInt64Param(place.id()).build())
                .putParameters("sequence_start", bool(place.isStart()))
                .putParameters("sequence_end", bool(place.isEnd()))
                .build().toByteArray();
    }

    private static InferParameter bool(boolean value) {
        return InferParameter.newBuilder().setBoolParam(value).build();
    }
}

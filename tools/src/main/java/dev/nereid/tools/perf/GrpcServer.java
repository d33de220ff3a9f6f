package dev.nereid.tools.perf;

import com.google.protobuf.Message;
import dev.nereid.server.grpc.proto.ModelConfigRequest;
import dev.nereid.server.grpc.proto.ModelConfigResponse;
import dev.nereid.server.grpc.proto.ModelMetadataRequest;
import dev.nereid.server.grpc.proto.ModelMetadataResponse;
import dev.nereid.server.grpc.proto.ModelStatisticsRequest;
import dev.nereid.server.grpc.proto.ModelStatisticsResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.MetadataUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Locale;

/** The methods of the server's gRPC service, and connections to it. */
final class GrpcServer {
    private static final String SERVICE = "inference.GRPCInferenceService";
    /** Passes bytes on as they are. */
    private static final MethodDescriptor.Marshaller<byte[]> BYTES = new MethodDescriptor.Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    };

    static final MethodDescriptor<byte[], byte[]> INFER = MethodDescriptor.newBuilder(BYTES, BYTES)
            .setType(MethodType.UNARY).setFullMethodName(SERVICE + "/ModelInfer").build();
    static final MethodDescriptor<byte[], ModelStreamInferResponse> STREAM_INFER = MethodDescriptor
            .newBuilder(BYTES, ProtoUtils.marshaller(ModelStreamInferResponse.getDefaultInstance()))
            .setType(MethodType.BIDI_STREAMING).setFullMethodName(SERVICE + "/ModelStreamInfer").build();
    static final MethodDescriptor<ModelMetadataRequest, ModelMetadataResponse> METADATA = unary("ModelMetadata",
            ModelMetadataRequest.getDefaultInstance(), ModelMetadataResponse.getDefaultInstance());
    static final MethodDescriptor<ModelConfigRequest, ModelConfigResponse> CONFIG = unary("ModelConfig",
            ModelConfigRequest.getDefaultInstance(), ModelConfigResponse.getDefaultInstance());
    static final MethodDescriptor<ModelStatisticsRequest, ModelStatisticsResponse> STATISTICS = unary("ModelStatistics",
            ModelStatisticsRequest.getDefaultInstance(), ModelStatisticsResponse.getDefaultInstance());

    private GrpcServer() {
    }

    private static <A extends Message, B extends Message> MethodDescriptor<A, B> unary(String name, A request,
            B response) {
        return MethodDescriptor.newBuilder(ProtoUtils.marshaller(request), ProtoUtils.marshaller(response))
                .setType(MethodType.UNARY).setFullMethodName(SERVICE + "/" + name).build();
    }

    /** Returns a connection of its own, which is opened with the first call. */
    static ManagedChannel connect(Target target) {
        return NettyChannelBuilder.forAddress(target.host(), target.port()).usePlaintext().directExecutor()
                .maxInboundMessageSize(Integer.MAX_VALUE)
                .intercept(MetadataUtils.newAttachHeadersInterceptor(metadata(target))).build();
    }

    private static Metadata metadata(Target target) {
        Metadata metadata = new Metadata();
        for (String header : target.headers()) {
            int colon = header.indexOf(':');
            metadata.put(Metadata.Key.of(header.substring(0, colon).strip().toLowerCase(Locale.ROOT),
                    Metadata.ASCII_STRING_MARSHALLER), header.substring(colon + 1).strip());
        }
        return metadata;
    }

    /** Begins a call. */
    static <A, B> ClientCall<A, B> call(ManagedChannel channel, MethodDescriptor<A, B> method) {
        return channel.newCall(method, CallOptions.DEFAULT);
    }

    /** Returns what a status that is not OK says. */
    static String text(Status status) {
        Throwable cause = status.getCause();
        return status.getCode() + (status.getDescription() == null ? "" : ": " + status.getDescription())
                + (status.getCode() == Status.Code.UNAVAILABLE && cause != null && cause.getMessage() != null
                        ? " (" + cause.getMessage() + ")"
                        : "");
    }
}

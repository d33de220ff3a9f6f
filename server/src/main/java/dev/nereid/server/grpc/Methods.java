package dev.nereid.server.grpc;

import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.Descriptors.ServiceDescriptor;
import com.google.protobuf.Message;
import dev.nereid.server.grpc.proto.InferenceService;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.v2.Category;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import io.grpc.protobuf.ProtoMethodDescriptorSupplier;
import io.grpc.protobuf.ProtoServiceDescriptorSupplier;
import io.grpc.protobuf.ProtoUtils;
import java.util.List;
import java.util.stream.Stream;

/** The methods of the protocol, as the transport wants them described. */
final class Methods {
    static final String SERVICE = "inference.GRPCInferenceService";
    static final String INFER = SERVICE + "/ModelInfer";
    static final String STREAM_INFER = SERVICE + "/ModelStreamInfer";
    static final String LOAD = SERVICE + "/RepositoryModelLoad";

    private static final FileDescriptor FILE = InferenceService.getDescriptor();
    /** What other calls than those with tensors or files may need. */
    private static final long MAX_SMALL_MESSAGE = 4 << 20;

    private Methods() {
    }

    /** Returns the largest message that a method takes. */
    static long maxMessageBytes(String fullMethodName) {
        return switch (fullMethodName) {
            case INFER, STREAM_INFER, LOAD -> Integer.MAX_VALUE;
            default -> MAX_SMALL_MESSAGE;
        };
    }

    /** Returns the full names of the methods that a category has. */
    static List<String> of(Category category) {
        return switch (category) {
            case HEALTH -> Stream
                    .concat(full("ServerLive", "ServerReady", "ModelReady").stream(), HealthService.METHODS.stream())
                    .toList();
            case METADATA -> full("ServerMetadata", "ModelMetadata");
            case INFERENCE -> List.of(INFER, STREAM_INFER);
            case SHARED_MEMORY -> full("SystemSharedMemoryStatus", "SystemSharedMemoryRegister",
                    "SystemSharedMemoryUnregister", "CudaSharedMemoryStatus", "CudaSharedMemoryRegister",
                    "CudaSharedMemoryUnregister");
            case MODEL_CONFIG -> full("ModelConfig");
            case MODEL_REPOSITORY -> full("RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload");
            case STATISTICS -> full("ModelStatistics");
            case TRACE -> full("TraceSetting");
            case LOGGING -> full("LogSettings");
        };
    }

    private static List<String> full(String... names) {
        return Stream.of(names).map(name -> SERVICE + "/" + name).toList();
    }

    /** Returns whether a method's calls never block, so that they can do without a thread of their own. */
    static boolean isInference(String fullMethodName) {
        return fullMethodName.equals(INFER) || fullMethodName.equals(STREAM_INFER);
    }

    /** Returns the service that calls belong to. */
    static io.grpc.ServiceDescriptor.Builder service() {
        return io.grpc.ServiceDescriptor.newBuilder(SERVICE).setSchemaDescriptor(new Schema());
    }

    static io.grpc.MethodDescriptor<InferMessage, InferAnswer> infer(Marshaller<InferMessage> requests,
            Marshaller<InferAnswer> answers) {
        return method("ModelInfer", MethodType.UNARY, requests, answers);
    }

    static io.grpc.MethodDescriptor<InferMessage, InferAnswer> streamInfer(Marshaller<InferMessage> requests,
            Marshaller<InferAnswer> answers) {
        return method("ModelStreamInfer", MethodType.BIDI_STREAMING, requests, answers);
    }

    /** Returns a method whose messages are ordinary ones. */
    static <Q extends Message, A extends Message> io.grpc.MethodDescriptor<Received<Q>, A> unary(String name, Q request,
            A answer) {
        return method(name, MethodType.UNARY, new ReceivedMarshaller<>(request), ProtoUtils.marshaller(answer));
    }

    private static <Q, A> io.grpc.MethodDescriptor<Q, A> method(String name, MethodType type, Marshaller<Q> requests,
            Marshaller<A> answers) {
        return io.grpc.MethodDescriptor.<Q, A>newBuilder(requests, answers).setType(type)
                .setFullMethodName(SERVICE + "/" + name).setSchemaDescriptor(new MethodSchema(name)).build();
    }

    /** Tells reflection what the service looks like. */
    private static class Schema implements ProtoFileDescriptorSupplier, ProtoServiceDescriptorSupplier {
        @Override
        public FileDescriptor getFileDescriptor() {
            return FILE;
        }

        @Override
        public ServiceDescriptor getServiceDescriptor() {
            return FILE.findServiceByName("GRPCInferenceService");
        }
    }

    private static final class MethodSchema extends Schema implements ProtoMethodDescriptorSupplier {
        private final String name;

        MethodSchema(String name) {
            this.name = name;
        }

        @Override
        public MethodDescriptor getMethodDescriptor() {
            return getServiceDescriptor().findMethodByName(name);
        }
    }
}

package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.protobuf.ProtoUtils;
import java.util.List;
import java.util.function.Supplier;

/** {@code Check} of gRPC's own health service, as in the reference: the server is one service, whatever name is asked for. */
final class HealthService {
    private static final String CHECK = HealthGrpc.getCheckMethod().getFullMethodName();
    static final List<String> METHODS = List.of(CHECK);

    /** What the server says of itself. */
    enum Health {
        /** It serves. */
        READY,
        /** It does not serve yet, or not all that it should. */
        NOT_READY,
        /** It is about to end. */
        STOPPING
    }

    private HealthService() {
    }

    static ServerServiceDefinition of(Supplier<Health> health) {
        MethodDescriptor<Received<HealthCheckRequest>, HealthCheckResponse> check = MethodDescriptor
                .<Received<HealthCheckRequest>, HealthCheckResponse>newBuilder(
                        new ReceivedMarshaller<>(HealthCheckRequest.getDefaultInstance()),
                        ProtoUtils.marshaller(HealthCheckResponse.getDefaultInstance()))
                .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(CHECK)
                .setSchemaDescriptor(HealthGrpc.getCheckMethod().getSchemaDescriptor()).build();
        ServiceDescriptor service = ServiceDescriptor.newBuilder(HealthGrpc.SERVICE_NAME)
                .setSchemaDescriptor(HealthGrpc.getServiceDescriptor().getSchemaDescriptor()).addMethod(check).build();
        return ServerServiceDefinition.builder(service)
                .addMethod(check, new UnaryHandler<>(_ -> answer(health.get()))).build();
    }

    private static HealthCheckResponse answer(Health health) {
        ServingStatus status = switch (health) {
            case READY -> ServingStatus.SERVING;
            case NOT_READY -> ServingStatus.NOT_SERVING;
            case STOPPING -> throw InferenceException.unavailable("Server exiting");
        };
        return HealthCheckResponse.newBuilder().setStatus(status).build();
    }
}

package dev.nereid.server.grpc;

import com.google.protobuf.ByteString;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ServerLiveRequest;
import dev.nereid.server.grpc.proto.ServerLiveResponse;
import dev.nereid.server.grpc.wire.InferAnswer;
import dev.nereid.server.grpc.wire.InferAnswerMarshaller;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.grpc.wire.InferRequestMarshaller;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.tls.ServerTls;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A listener whose inference gives back what it gets, without an engine behind it. */
final class EchoListener implements AutoCloseable {
    private static final MethodDescriptor<ModelInferRequest, ModelInferResponse> INFER = MethodDescriptor
            .<ModelInferRequest, ModelInferResponse>newBuilder(
                    ProtoUtils.marshaller(ModelInferRequest.getDefaultInstance()),
                    ProtoUtils.marshaller(ModelInferResponse.getDefaultInstance()))
            .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(Methods.INFER).build();
    private static final MethodDescriptor<ServerLiveRequest, ServerLiveResponse> LIVE = MethodDescriptor
            .<ServerLiveRequest, ServerLiveResponse>newBuilder(
                    ProtoUtils.marshaller(ServerLiveRequest.getDefaultInstance()),
                    ProtoUtils.marshaller(ServerLiveResponse.getDefaultInstance()))
            .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(Methods.SERVICE + "/ServerLive").build();

    final BufferPool pool;
    final TransportMemory memory;
    final GrpcListener listener;
    private final Optional<ServerTls> tls;
    /** What a call of ServerLive waits for before it answers. */
    volatile CountDownLatch live = new CountDownLatch(0);
    volatile CountDownLatch liveStarted = new CountDownLatch(1);

    EchoListener(GrpcOptions options, long maxInFlight, Supplier<HealthService.Health> health,
            Optional<ServerTls> tls) {
        this(options, maxInFlight, health, tls, new ConnectionSlots(1000));
    }

    EchoListener(GrpcOptions options, long maxInFlight, Supplier<HealthService.Health> health, Optional<ServerTls> tls,
            ConnectionSlots slots) {
        this.tls = tls;
        pool = new BufferPool(maxInFlight, 1 << 20);
        memory = TransportMemory.create(pool);
        MethodDescriptor<InferMessage, InferAnswer> infer = Methods.infer(
                new InferRequestMarshaller(pool, () -> CallBytes.current().takenOver()), new InferAnswerMarshaller());
        MethodDescriptor<Received<ServerLiveRequest>, ServerLiveResponse> liveMethod = Methods.unary("ServerLive",
                ServerLiveRequest.getDefaultInstance(), ServerLiveResponse.getDefaultInstance());
        ServerServiceDefinition service = ServerServiceDefinition
                .builder(Methods.service().addMethod(infer).addMethod(liveMethod).build())
                .addMethod(infer, EchoListener::startEcho).addMethod(liveMethod, new UnaryHandler<>(_ -> live()))
                .build();
        listener = GrpcListener.create(options, List.of(service, HealthService.of(health)),
                new AccessGate(options.restrictions(), Optional.empty()), memory, tls, slots);
        listener.open();
    }

    /** Opens one on any port. */
    static EchoListener open(GrpcOptions options, long maxInFlight) {
        return new EchoListener(options.at("127.0.0.1", 0), maxInFlight, () -> HealthService.Health.READY,
                Optional.empty());
    }

    private ServerLiveResponse live() {
        liveStarted.countDown();
        try {
            live.await();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        return ServerLiveResponse.newBuilder().setLive(true).build();
    }

    private static ServerCall.Listener<InferMessage> startEcho(ServerCall<InferMessage, InferAnswer> call,
            Metadata headers) {
        call.request(1);
        return new ServerCall.Listener<>() {
            private @Nullable InferMessage message;

            @Override
            public void onMessage(InferMessage received) {
                message = received;
            }

            @Override
            public void onCancel() {
                if (message != null) {
                    message.close();
                }
            }

            @Override
            public void onHalfClose() {
                try (InferMessage request = message) {
                    if (request == null) {
                        return;
                    }
                    if (request.failure().isPresent()) {
                        call.close(Statuses.of(request.failure().get()), new Metadata());
                        return;
                    }
                    call.sendHeaders(new Metadata());
                    call.sendMessage(InferAnswer.of(new InferAnswer.About("echo", "1", request.fields().id(), Map.of()),
                            request.fields().rawContents().stream()
                                    .map(raw -> new InferAnswer.Output("OUT", "UINT8", Shape.of(raw.byteSize()), raw))
                                    .toList()));
                    call.close(Status.OK, new Metadata());
                }
            }
        };
    }

    /** Returns the answer to a tensor of that many bytes. */
    static ModelInferResponse echo(Channel channel, byte[] tensor, CallOptions options) {
        return ClientCalls.blockingUnaryCall(channel, INFER, options,
                ModelInferRequest.newBuilder().setModelName("echo")
                        .setId("7").addRawInputContents(ByteString.copyFrom(tensor)).build());
    }

    static boolean live(Channel channel, CallOptions options) {
        return ClientCalls.blockingUnaryCall(channel, LIVE, options, ServerLiveRequest.getDefaultInstance()).getLive();
    }

    int port() {
        return listener.port();
    }

    @Override
    public void close() {
        listener.close(Duration.ofSeconds(2));
        pool.close();
        tls.ifPresent(ServerTls::close);
    }
}

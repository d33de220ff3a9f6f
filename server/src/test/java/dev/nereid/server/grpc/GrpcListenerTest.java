package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Empty;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.v2.Restriction;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.grpc.reflection.v1.ServerReflectionRequest;
import io.grpc.reflection.v1.ServerReflectionResponse;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(120)
class GrpcListenerTest {
    private static final long PLENTY = 512 << 20;

    private static ManagedChannel channel(int port) {
        return NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().maxInboundMessageSize(Integer.MAX_VALUE)
                .build();
    }

    private static void end(ManagedChannel channel) throws InterruptedException {
        channel.shutdownNow();
        assertTrue(channel.awaitTermination(20, TimeUnit.SECONDS));
    }

    private interface Action {
        void with(EchoListener server, ManagedChannel channel) throws Exception;
    }

    private static void serve(GrpcOptions options, Action action) throws Exception {
        try (EchoListener server = EchoListener.open(options, PLENTY)) {
            ManagedChannel channel = channel(server.port());
            try {
                action.with(server, channel);
            } finally {
                end(channel);
            }
            server.listener.close(Duration.ofSeconds(10));
            assertEquals(0, server.memory.held());
            assertEquals(0, server.pool.inUseBytes());
        }
    }

    private static byte[] tensor(int size) {
        byte[] tensor = new byte[size];
        for (int i = 0; i < size; i++) {
            tensor[i] = (byte) (i * 7 + i / 251);
        }
        return tensor;
    }

    private static StatusRuntimeException refused(Runnable call) {
        return assertThrows(StatusRuntimeException.class, call::run);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 64, 1 << 20, 40 << 20})
    void tensorsOfAnySizeGoInAndOut(int size) throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            byte[] tensor = tensor(size);
            ModelInferResponse answer = EchoListener.echo(channel, tensor, CallOptions.DEFAULT);
            assertArrayEquals(tensor, answer.getRawOutputContents(0).toByteArray());
            assertEquals("7", answer.getId());
        });
    }

    @Test
    void readsCompressedRequests() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            byte[] tensor = tensor(3 << 20);
            assertArrayEquals(tensor, EchoListener.echo(channel, tensor, CallOptions.DEFAULT.withCompression("gzip"))
                    .getRawOutputContents(0).toByteArray());
        });
    }

    @Test
    void opensNoMoreConnectionsThanThereAreSlots() throws Exception {
        ConnectionSlots slots = new ConnectionSlots(2);
        try (EchoListener server = new EchoListener(GrpcOptions.DEFAULT.at("127.0.0.1", 0), PLENTY,
                () -> HealthService.Health.READY, Optional.empty(), slots)) {
            ManagedChannel first = channel(server.port());
            ManagedChannel second = channel(server.port());
            assertTrue(EchoListener.live(first, CallOptions.DEFAULT));
            assertTrue(EchoListener.live(second, CallOptions.DEFAULT));
            assertFalse(slots.tryTake());
            ManagedChannel third = channel(server.port());
            CompletableFuture<Boolean> waiting = CompletableFuture
                    .supplyAsync(() -> EchoListener.live(third, CallOptions.DEFAULT));
            assertTrue(EchoListener.live(first, CallOptions.DEFAULT));
            assertFalse(waiting.isDone());
            end(second);
            assertTrue(waiting.get(20, TimeUnit.SECONDS));
            end(first);
            end(third);
            assertTrue(slots.tryTake(Duration.ofSeconds(20)));
            assertTrue(slots.tryTake(Duration.ofSeconds(20)));
        }
    }

    @Test
    void anUnknownMethodIsToldWithoutAText() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            for (String name : new String[]{Methods.SERVICE + "/NoSuchMethod", "no.such.Service/Method",
                "grpc.health.v1.Health/Watch"}) {
                MethodDescriptor<Empty, Empty> method = MethodDescriptor
                        .<Empty, Empty>newBuilder(ProtoUtils.marshaller(Empty.getDefaultInstance()),
                                ProtoUtils.marshaller(Empty.getDefaultInstance()))
                        .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(name).build();
                StatusRuntimeException failure = refused(() -> ClientCalls.blockingUnaryCall(channel, method,
                        CallOptions.DEFAULT, Empty.getDefaultInstance()));
                assertEquals(Status.Code.UNIMPLEMENTED, failure.getStatus().getCode());
                assertNull(failure.getStatus().getDescription());
            }
        });
    }

    @Test
    void anUnreadableRequestIsRefused() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            for (String name : new String[]{"ServerLive", "ModelInfer"}) {
                MethodDescriptor<HealthCheckRequest, Empty> method = MethodDescriptor
                        .<HealthCheckRequest, Empty>newBuilder(new Garbage(),
                                ProtoUtils.marshaller(Empty.getDefaultInstance()))
                        .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(Methods.SERVICE + "/" + name)
                        .build();
                StatusRuntimeException failure = refused(() -> ClientCalls.blockingUnaryCall(channel, method,
                        CallOptions.DEFAULT, HealthCheckRequest.getDefaultInstance()));
                assertEquals(Status.Code.INTERNAL, failure.getStatus().getCode());
                assertTrue(String.valueOf(failure.getStatus().getDescription()).startsWith("Unable to parse request"));
            }
        });
    }

    private static final class Garbage implements MethodDescriptor.Marshaller<HealthCheckRequest> {
        @Override
        public java.io.InputStream stream(HealthCheckRequest value) {
            return new java.io.ByteArrayInputStream(new byte[]{-1, -1, -1, -1});
        }

        @Override
        public HealthCheckRequest parse(java.io.InputStream stream) {
            throw new IllegalStateException("not for answers");
        }
    }

    @Test
    void callsOtherThanInferenceTakeSmallMessagesOnly() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            HealthCheckRequest large = HealthCheckRequest.newBuilder().setService("x".repeat(5 << 20)).build();
            StatusRuntimeException failure = refused(() -> HealthGrpc.newBlockingStub(channel).check(large));
            assertEquals(Status.Code.INVALID_ARGUMENT, failure.getStatus().getCode());
            assertEquals("a message of more than 4194304 bytes is not accepted for this method",
                    failure.getStatus().getDescription());
            assertTrue(EchoListener.live(channel, CallOptions.DEFAULT));
        });
    }

    @Test
    void healthIsThatOfTheServerWhateverServiceIsAskedFor() throws InterruptedException {
        AtomicReference<HealthService.Health> health = new AtomicReference<>(HealthService.Health.READY);
        try (EchoListener server = new EchoListener(GrpcOptions.DEFAULT.at("127.0.0.1", 0), PLENTY, health::get,
                Optional.empty())) {
            ManagedChannel channel = channel(server.port());
            HealthGrpc.HealthBlockingStub stub = HealthGrpc.newBlockingStub(channel);
            HealthCheckRequest request = HealthCheckRequest.newBuilder().setService("any").build();
            assertEquals(ServingStatus.SERVING, stub.check(request).getStatus());
            health.set(HealthService.Health.NOT_READY);
            assertEquals(ServingStatus.NOT_SERVING, stub.check(request).getStatus());
            health.set(HealthService.Health.STOPPING);
            assertEquals(Status.Code.UNAVAILABLE, refused(() -> stub.check(request)).getStatus().getCode());
            end(channel);
        }
    }

    private static Optional<ServerReflectionResponse> services(ManagedChannel channel) throws Exception {
        CompletableFuture<Optional<ServerReflectionResponse>> answer = new CompletableFuture<>();
        StreamObserver<ServerReflectionRequest> requests = ServerReflectionGrpc.newStub(channel)
                .serverReflectionInfo(new StreamObserver<>() {
                    @Override
                    public void onNext(ServerReflectionResponse value) {
                        answer.complete(Optional.of(value));
                    }

                    @Override
                    public void onError(Throwable t) {
                        answer.complete(Optional.empty());
                    }

                    @Override
                    public void onCompleted() {
                        answer.complete(Optional.empty());
                    }
                });
        requests.onNext(ServerReflectionRequest.newBuilder().setFileContainingSymbol(Methods.SERVICE).build());
        requests.onCompleted();
        return answer.get(20, TimeUnit.SECONDS);
    }

    @Test
    void reflectionIsOfferedOnlyWhereItIsAskedFor() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> assertTrue(services(channel).isEmpty()));
        GrpcOptions all = GrpcOptions.DEFAULT;
        GrpcOptions reflecting = new GrpcOptions(true, all.address(), all.port(), false, 1, all.forwardPattern(),
                Map.of(), all.compression(), 1, all.keepAlive(), Optional.empty(), true, all.limits());
        serve(reflecting, (server, channel) -> assertTrue(
                services(channel).orElseThrow().getFileDescriptorResponse().getFileDescriptorProtoCount() >= 2));
    }

    @Test
    void aRestrictedCategoryNeedsItsHeader() throws Exception {
        GrpcOptions all = GrpcOptions.DEFAULT;
        GrpcOptions restricted = new GrpcOptions(true, all.address(), all.port(), false, 1, all.forwardPattern(),
                Map.of("health", new Restriction("key", "open")), all.compression(), 1, all.keepAlive(),
                Optional.empty(), false, all.limits());
        serve(restricted, (server, channel) -> {
            String expected = "This protocol is restricted, expecting header 'triton-grpc-protocol-key'";
            Metadata.Key<String> key = Metadata.Key.of("triton-grpc-protocol-key", Metadata.ASCII_STRING_MARSHALLER);
            Metadata wrong = new Metadata();
            wrong.put(key, "shut");
            Metadata right = new Metadata();
            right.put(key, "open");
            HealthGrpc.HealthBlockingStub stub = HealthGrpc.newBlockingStub(channel);
            HealthCheckRequest request = HealthCheckRequest.getDefaultInstance();
            for (Runnable call : List.<Runnable>of(() -> EchoListener.live(channel, CallOptions.DEFAULT),
                    () -> stub.check(request),
                    () -> stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(wrong)).check(request))) {
                Status status = refused(call).getStatus();
                assertEquals(Status.Code.UNAVAILABLE, status.getCode());
                assertEquals(expected, status.getDescription());
            }
            assertEquals(ServingStatus.SERVING,
                    stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(right)).check(request).getStatus());
            assertEquals(1, EchoListener.echo(channel, tensor(4), CallOptions.DEFAULT).getRawOutputContentsCount());
        });
    }

    @Test
    void atTheEndRunningCallsFinishAndClientsAreSentElsewhere() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            server.live = new CountDownLatch(1);
            CompletableFuture<Boolean> running = CompletableFuture
                    .supplyAsync(() -> EchoListener.live(channel, CallOptions.DEFAULT), Thread.ofVirtual()::start);
            assertTrue(server.liveStarted.await(20, TimeUnit.SECONDS));
            server.listener.endConnections();
            // As soon as the client knows it opens a connection of its own, and finds the port closed.
            Eventually.until("the client to know", () -> {
                try {
                    return EchoListener.echo(channel, tensor(4), CallOptions.DEFAULT).getRawOutputContentsCount() != 1;
                } catch (StatusRuntimeException e) {
                    assertEquals(Status.Code.UNAVAILABLE, e.getStatus().getCode());
                    return true;
                }
            });
            assertFalse(running.isDone());
            CompletableFuture<Void> closed = CompletableFuture.runAsync(
                    () -> server.listener.close(Duration.ofSeconds(60)), Thread.ofVirtual()::start);
            assertThrows(java.util.concurrent.TimeoutException.class, () -> closed.get(200, TimeUnit.MILLISECONDS));
            server.live.countDown();
            assertTrue(running.get(20, TimeUnit.SECONDS));
            closed.get(20, TimeUnit.SECONDS);
        });
    }

    @Test
    void callsThatDoNotEndInTimeAreEnded() throws Exception {
        serve(GrpcOptions.DEFAULT, (server, channel) -> {
            server.live = new CountDownLatch(1);
            CompletableFuture<Boolean> running = CompletableFuture
                    .supplyAsync(() -> EchoListener.live(channel, CallOptions.DEFAULT), Thread.ofVirtual()::start);
            assertTrue(server.liveStarted.await(20, TimeUnit.SECONDS));
            server.listener.close(Duration.ofMillis(100));
            assertThrows(java.util.concurrent.ExecutionException.class, () -> running.get(20, TimeUnit.SECONDS));
            server.live.countDown();
        });
    }
}

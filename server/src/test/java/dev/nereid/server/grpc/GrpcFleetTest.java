package dev.nereid.server.grpc;

import static dev.nereid.server.grpc.ServedModels.OTHER;
import static dev.nereid.server.grpc.ServedModels.PLAIN;
import static dev.nereid.server.grpc.ServedModels.flag;
import static dev.nereid.server.grpc.ServedModels.request;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.engine.model.Engine;
import dev.nereid.server.grpc.proto.ServerLiveRequest;
import dev.nereid.server.grpc.proto.ServerLiveResponse;
import dev.nereid.server.grpc.proto.ServerMetadataRequest;
import dev.nereid.server.grpc.proto.ServerMetadataResponse;
import dev.nereid.server.v2.LoadReport;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a server that is one of several owes routers and clients in front of it, over gRPC. */
@Timeout(120)
class GrpcFleetTest {
    @TempDir
    private Path directory;

    private static ManagedChannel connect(ServedModels served) {
        return NettyChannelBuilder.forAddress("127.0.0.1", served.server().grpcPort()).usePlaintext().build();
    }

    private static Metadata header(String name, String value) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
        return headers;
    }

    @Test
    void asksForATokenWhereThereIsAFileOfThem() throws Exception {
        Path tokens = Files.writeString(directory.resolve("tokens"), "0123456789abcdef\n");
        try (ServedModels served = new ServedModels(directory, "--auth-token-file=" + tokens)) {
            StatusRuntimeException none = assertThrows(StatusRuntimeException.class, () -> served.call("ServerMetadata",
                    ServerMetadataRequest.getDefaultInstance(), ServerMetadataResponse.getDefaultInstance()));
            assertEquals("UNAUTHENTICATED: a token is needed, expecting metadata 'authorization: Bearer <token>'",
                    none.getMessage());
            assertEquals(Status.Code.UNAUTHENTICATED,
                    assertThrows(StatusRuntimeException.class, () -> served.infer(request(PLAIN, "a", 1))).getStatus()
                            .getCode());
            assertTrue(served.call("ServerLive", ServerLiveRequest.getDefaultInstance(),
                    ServerLiveResponse.getDefaultInstance()).getLive());
            ManagedChannel channel = connect(served);
            try {
                assertEquals("SERVING", HealthGrpc.newBlockingStub(channel)
                        .check(HealthCheckRequest.getDefaultInstance()).getStatus().name());
                Channel right = ClientInterceptors.intercept(channel, MetadataUtils
                        .newAttachHeadersInterceptor(header("authorization", "Bearer 0123456789abcdef")));
                assertEquals("a", infer(right, "a"));
                Channel wrong = ClientInterceptors.intercept(channel, MetadataUtils
                        .newAttachHeadersInterceptor(header("authorization", "Bearer 0123456789abcdeg")));
                assertEquals("UNAUTHENTICATED: the metadata 'authorization' holds no token that is known here, "
                        + "expected 'Bearer <token>'",
                        assertThrows(StatusRuntimeException.class, () -> infer(wrong, "b")).getMessage());
            } finally {
                channel.shutdownNow();
            }
        }
    }

    private static String infer(Channel channel, String id) {
        return ClientCalls.blockingUnaryCall(channel, ServedModels.INFER,
                CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS), request(PLAIN, id, 1).build()).getId();
    }

    private static Metadata last(AtomicReference<Metadata> trailers) {
        return Objects.requireNonNull(trailers.get());
    }

    @Test
    void tellsTheLoadOfAModelInTrailersWhereItIsAsked() {
        try (ServedModels served = new ServedModels(directory)) {
            ManagedChannel channel = connect(served);
            try {
                AtomicReference<Metadata> headers = new AtomicReference<>();
                AtomicReference<Metadata> trailers = new AtomicReference<>(new Metadata());
                Channel captured = ClientInterceptors.intercept(channel,
                        MetadataUtils.newCaptureMetadataInterceptor(headers, trailers));
                infer(captured, "a");
                assertTrue(last(trailers).keys().stream().noneMatch(key -> key.startsWith("endpoint-load")));
                infer(ClientInterceptors.intercept(captured,
                        MetadataUtils.newAttachHeadersInterceptor(header(LoadReport.ASKED_BY, "text"))), "b");
                assertEquals("TEXT application_utilization=1, rps_fractional=0", last(trailers)
                        .get(Metadata.Key.of("endpoint-load-metrics", Metadata.ASCII_STRING_MARSHALLER)));
                infer(ClientInterceptors.intercept(captured,
                        MetadataUtils.newAttachHeadersInterceptor(header(LoadReport.ASKED_BY, "bin"))), "c");
                assertArrayEquals(new LoadReport(1, 0).bytes(), last(trailers)
                        .get(Metadata.Key.of("endpoint-load-metrics-bin", Metadata.BINARY_BYTE_MARSHALLER)));
                assertEquals(Status.Code.INVALID_ARGUMENT, assertThrows(StatusRuntimeException.class,
                        () -> infer(ClientInterceptors.intercept(captured,
                                MetadataUtils.newAttachHeadersInterceptor(header(LoadReport.ASKED_BY, "xml"))), "d"))
                        .getStatus().getCode());
            } finally {
                channel.shutdownNow();
            }
        }
    }

    @Test
    void tellsTheLoadOfTheModelAskedLastInTheTrailersOfAStream() throws Exception {
        try (ServedModels served = new ServedModels(directory)) {
            Metadata.Key<String> report = Metadata.Key.of("endpoint-load-metrics", Metadata.ASCII_STRING_MARSHALLER);
            ServedModels.Stream silent = served.stream();
            silent.send(request(PLAIN, "a", 1));
            silent.halfClose();
            assertEquals(List.of("a"), silent.idsUntilTheEnd());
            assertFalse(silent.trailers().containsKey(report));

            ServedModels.Stream held = served.stream();
            held.send(request(PLAIN, "b", 1).putParameters("hold", flag()));
            served.awaitHeld();
            ServedModels.Stream asking = served.stream(header(LoadReport.ASKED_BY, "text"));
            asking.send(request(OTHER, "c", 1));
            asking.send(request(PLAIN, "d", 1));
            asking.halfClose();
            Engine engine = served.server().engine();
            Eventually.until("the last request waits behind the one that is held", () -> engine
                    .load(engine.lookup(PLAIN, OptionalLong.empty())).waiting() == 1);
            served.release();
            held.halfClose();
            assertEquals(List.of("c", "d"), asking.idsUntilTheEnd());
            String told = String.valueOf(asking.trailers().get(report));
            assertTrue(told.startsWith("TEXT application_utilization=2, rps_fractional="), told);
            assertEquals(List.of("b"), held.idsUntilTheEnd());

            ServedModels.Stream wrong = served.stream(header(LoadReport.ASKED_BY, "xml"));
            wrong.send(request(PLAIN, "e", 1));
            assertEquals("header 'endpoint-load-metrics-format' has value 'xml', expected text, json or bin",
                    wrong.next().getErrorMessage());
            wrong.halfClose();
            assertTrue(wrong.end().isOk());
        }
    }

    /** Clients are told to go elsewhere; what has reached the server until they know is answered. */
    @Test
    void aServerThatEndsAnswersEveryCallThatReachesIt() throws Exception {
        Queue<String> failures = new ConcurrentLinkedQueue<>();
        List<ManagedChannel> channels = new ArrayList<>();
        try (ServedModels served = new ServedModels(directory)) {
            CountDownLatch busy = new CountDownLatch(200);
            List<CompletableFuture<Void>> clients = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                ManagedChannel channel = connect(served);
                channels.add(channel);
                clients.add(CompletableFuture.runAsync(() -> {
                    try {
                        while (true) {
                            infer(channel, "x");
                            busy.countDown();
                        }
                    } catch (StatusRuntimeException e) {
                        failures.add(e.getStatus() + ": " + e.getCause());
                    }
                }, Thread.ofVirtual()::start));
            }
            assertTrue(busy.await(60, TimeUnit.SECONDS));
            assertTrue(served.server().closeInTime());
            for (CompletableFuture<Void> client : clients) {
                client.get(60, TimeUnit.SECONDS);
            }
        } finally {
            channels.forEach(ManagedChannel::shutdownNow);
        }
        // Each client ends when it finds no port any more.
        assertEquals(List.of(), failures.stream().filter(text -> !text.contains("Connection refused")).toList());
    }
}

package dev.nereid.server.grpc;

import static dev.nereid.server.grpc.ServedModels.MANY;
import static dev.nereid.server.grpc.ServedModels.PLAIN;
import static dev.nereid.server.grpc.ServedModels.ints;
import static dev.nereid.server.grpc.ServedModels.number;
import static dev.nereid.server.grpc.ServedModels.request;
import static dev.nereid.server.grpc.ServedModels.text;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.grpc.proto.InferParameter;
import dev.nereid.server.grpc.proto.InferResponseStatistics;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ModelStatistics;
import dev.nereid.server.grpc.proto.ModelStatisticsRequest;
import dev.nereid.server.grpc.proto.ModelStatisticsResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import dev.nereid.server.grpc.proto.SystemSharedMemoryRegisterRequest;
import dev.nereid.server.grpc.proto.SystemSharedMemoryRegisterResponse;
import dev.nereid.server.grpc.proto.SystemSharedMemoryUnregisterRequest;
import dev.nereid.server.grpc.proto.SystemSharedMemoryUnregisterResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ClientStreamTracer;
import io.grpc.Codec;
import io.grpc.DecompressorRegistry;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What flags, other calls and clients make of inference, with a whole server. */
@Timeout(120)
class GrpcServerTest {
    private static final Path SHARED_MEMORY = Path.of("/dev/shm");

    @TempDir
    private Path directory;

    @Test
    void statisticsCountTheResponsesOfADecoupledModelByTheirPlace() throws Exception {
        try (ServedModels served = new ServedModels(directory)) {
            ServedModels.Stream stream = served.stream();
            stream.send(request(MANY, "a", 1).putParameters("count", number(3)));
            stream.send(request(MANY, "b", 1).putParameters("count", number(1)));
            stream.send(request(MANY, "c", 1).putParameters("fail", text("no")));
            stream.halfClose();
            assertTrue(stream.end().isOk());

            ModelStatistics statistics = served
                    .call("ModelStatistics", ModelStatisticsRequest.newBuilder().setName(MANY).build(),
                            ModelStatisticsResponse.getDefaultInstance())
                    .getModelStats(0);
            assertEquals(List.of(2L, 1L, 1L), Stream.of("0", "1", "2")
                    .map(place -> statistics.getResponseStatsOrThrow(place).getSuccess().getCount()).toList());
            assertEquals(1, statistics.getResponseStatsOrThrow("0").getFail().getCount());
            assertEquals(1, statistics.getResponseStatsOrThrow("1").getEmptyResponse().getCount());
            assertEquals(1, statistics.getResponseStatsOrThrow("3").getEmptyResponse().getCount());
            InferResponseStatistics first = statistics.getResponseStatsOrThrow("0");
            assertTrue(first.getComputeInfer().getNs() + first.getComputeOutput().getNs() > 0, first::toString);
        }
    }

    @Test
    void theConsoleShowsWhatFailed() throws Exception {
        try (ServedModels served = new ServedModels(directory, "--console", "--console-port=0");
                Socket console = new Socket(InetAddress.getLoopbackAddress(), served.server().consolePort())) {
            assertThrows(StatusRuntimeException.class, () -> ClientCalls.blockingUnaryCall(served.channel,
                    ServedModels.INFER, CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS),
                    request(PLAIN, "a", 1).putParameters("fail", text("no paper")).build()));
            ServedModels.Stream stream = served.stream();
            stream.send(request("nobody", "b", 1));
            stream.halfClose();
            stream.end();

            console.setSoTimeout(30_000);
            console.getOutputStream().write("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n".getBytes(US_ASCII));
            BufferedReader events = new BufferedReader(new InputStreamReader(console.getInputStream(), UTF_8));
            String line = events.readLine();
            while (!line.equals("event: failures")) {
                line = events.readLine();
            }
            String failures = events.readLine();
            assertTrue(failures.contains("\"request\":\"gRPC ModelInfer plain\",\"code\":\"UNAVAILABLE\",\"message\":"
                    + "\"no paper\""), failures);
            assertTrue(failures.contains("\"request\":\"gRPC ModelStreamInfer nobody\",\"code\":\"NOT_FOUND\""),
                    failures);
        }
    }

    /** Counts the bytes of messages that come. */
    private static final class InboundBytes extends ClientStreamTracer.Factory {
        private final AtomicLong onWire = new AtomicLong();

        @Override
        public ClientStreamTracer newClientStreamTracer(ClientStreamTracer.StreamInfo info, Metadata headers) {
            return new ClientStreamTracer() {
                @Override
                public void inboundWireSize(long bytes) {
                    onWire.addAndGet(bytes);
                }
            };
        }
    }

    private static long answerBytes(ManagedChannel channel, ModelInferRequest request) {
        InboundBytes bytes = new InboundBytes();
        ModelInferResponse answer = ClientCalls.blockingUnaryCall(channel, ServedModels.INFER,
                CallOptions.DEFAULT.withStreamTracerFactory(bytes).withDeadlineAfter(60, TimeUnit.SECONDS), request);
        assertEquals(request.getRawInputContents(0), answer.getRawOutputContents(0));
        return bytes.onWire.get();
    }

    @Test
    void answersAreCompressedForClientsThatUnderstandIt() {
        ModelInferRequest zeros = request(PLAIN, "z", new int[50_000]).build();
        try (ServedModels served = new ServedModels(directory.resolve("high"),
                "--grpc-infer-response-compression-level=high")) {
            ManagedChannel simple = NettyChannelBuilder.forAddress("127.0.0.1", served.server().grpcPort())
                    .usePlaintext()
                    .decompressorRegistry(DecompressorRegistry.emptyInstance().with(Codec.Identity.NONE, false))
                    .build();
            try {
                assertTrue(answerBytes(served.channel, zeros) < 5_000);
                assertTrue(answerBytes(simple, zeros) > 200_000);
            } finally {
                simple.shutdownNow();
            }
        }
        try (ServedModels served = new ServedModels(directory.resolve("none"))) {
            assertTrue(answerBytes(served.channel, zeros) > 200_000);
        }
    }

    @Test
    void tracesTellWhenARequestWasReadAndItsAnswerSent() throws Exception {
        Path file = directory.resolve("trace.json");
        try (ServedModels served = new ServedModels(directory, "--trace-config=triton,file=" + file,
                "--trace-config=rate=1", "--trace-config=level=TIMESTAMPS")) {
            assertEquals(1, served.infer(request(PLAIN, "t", 1, 2)).getOutputsCount());
            ServedModels.Stream stream = served.stream();
            stream.send(request(MANY, "s", 1).putParameters("count", number(1)));
            stream.halfClose();
            assertTrue(stream.end().isOk());
        }
        String traces = Files.readString(file);
        for (String point : List.of("GRPC_WAITREAD_START", "GRPC_WAITREAD_END", "REQUEST_START", "QUEUE_START",
                "COMPUTE_START", "COMPUTE_END", "REQUEST_END", "GRPC_SEND_START", "GRPC_SEND_END")) {
            assertEquals(2, Pattern.compile('"' + point + '"').matcher(traces).results().count(), traces);
        }
    }

    @Test
    void tensorsGoThroughSharedMemory() throws IOException {
        String key = "nereid-grpc-test-" + ProcessHandle.current().pid();
        Path object = Files.write(SHARED_MEMORY.resolve(key), new byte[64]);
        try (ServedModels served = new ServedModels(directory, "--allow-client-shm=true")) {
            byte[] content = new byte[64];
            System.arraycopy(ints(5, 6, 7, 8).toByteArray(), 0, content, 8, 16);
            Files.write(object, content);
            served.call("SystemSharedMemoryRegister", SystemSharedMemoryRegisterRequest.newBuilder()
                    .setName("region").setKey("/" + key).setByteSize(64).build(),
                    SystemSharedMemoryRegisterResponse.getDefaultInstance());

            ModelInferRequest.Builder request = request(PLAIN, "m", 0, 0, 0, 0).clearRawInputContents();
            at(8, (name, value) -> request.getInputsBuilder(0).putParameters(name, value));
            ModelInferRequest.InferRequestedOutputTensor.Builder output = request.addOutputsBuilder()
                    .setName("OUTPUT0");
            at(40, output::putParameters);
            ModelInferResponse answer = served.infer(request);

            assertEquals(0, answer.getRawOutputContents(0).size());
            byte[] after = Files.readAllBytes(object);
            assertEquals(ints(5, 6, 7, 8), ByteString.copyFrom(after, 40, 16));
            served.call("SystemSharedMemoryUnregister",
                    SystemSharedMemoryUnregisterRequest.newBuilder().setName("region").build(),
                    SystemSharedMemoryUnregisterResponse.getDefaultInstance());
            assertEquals(Status.Code.NOT_FOUND,
                    assertThrows(StatusRuntimeException.class, () -> served.infer(request)).getStatus().getCode());
        } finally {
            Files.delete(object);
        }
    }

    private static void at(int offset, BiConsumer<String, InferParameter> parameters) {
        Map.of("shared_memory_region", text("region"), "shared_memory_offset", number(offset),
                "shared_memory_byte_size", number(16)).forEach(parameters);
    }

    /** A stream whose client reads nothing until it is told to. */
    private static final class SlowStream extends ClientCall.Listener<ModelStreamInferResponse> {
        final AtomicInteger received = new AtomicInteger();
        final CompletableFuture<Status> end = new CompletableFuture<>();
        final ClientCall<ModelInferRequest, ModelStreamInferResponse> call;

        SlowStream(ManagedChannel channel) {
            call = channel.newCall(ServedModels.STREAM, CallOptions.DEFAULT);
            call.start(this, new Metadata());
        }

        @Override
        public void onMessage(ModelStreamInferResponse message) {
            received.incrementAndGet();
        }

        @Override
        public void onClose(Status status, Metadata trailers) {
            end.complete(status);
        }
    }

    private static GrpcOptions within(GrpcOptions options, long waitingBytes) {
        GrpcOptions.Limits limits = options.limits();
        return options.within(new GrpcOptions.Limits(limits.callsPerConnection(), limits.resetsPerWindow(),
                limits.resetWindow(), limits.metadataBytes(), limits.handshakeTimeout(), waitingBytes));
    }

    @Test
    void ofAClientThatDoesNotReadNoMoreRequestsAreTaken() throws Exception {
        long bound = 8 << 20;
        int requests = 100;
        try (ServedModels served = new ServedModels(directory, options -> within(options, bound))) {
            SlowStream slow = new SlowStream(served.channel);
            ModelInferRequest large = request(PLAIN, "large", new int[1 << 16]).build();
            for (int i = 0; i < requests; i++) {
                slow.call.sendMessage(large);
            }
            slow.call.halfClose();
            // Requests and answers of 256 KiB each, of which half of the bound may wait; all of them are 25 MiB.
            Eventually.until("answers wait", () -> served.server().engine().buffers().inUseBytes() > bound / 4);
            ManagedChannel other = NettyChannelBuilder.forAddress("127.0.0.1", served.server().grpcPort())
                    .usePlaintext().build();
            try {
                long most = 0;
                long until = System.nanoTime() + Duration.ofSeconds(2).toNanos();
                while (System.nanoTime() < until) {
                    assertEquals(1, ClientCalls.blockingUnaryCall(other, ServedModels.INFER,
                            CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS),
                            request(PLAIN, "o", 1).build()).getOutputsCount());
                    most = Math.max(most, served.server().engine().buffers().inUseBytes());
                }
                assertTrue(most < bound, most + " bytes in use");
            } finally {
                other.shutdownNow();
            }
            slow.call.request(requests);
            assertTrue(slow.end.get(60, TimeUnit.SECONDS).isOk());
            assertEquals(requests, slow.received.get());
            assertEquals(0, served.bytesHeld());
        }
    }

    @Test
    void aClientThatDoesNotReadWhatOneRequestBringsIsEnded() throws Exception {
        try (ServedModels served = new ServedModels(directory, options -> within(options, 8 << 20))) {
            SlowStream slow = new SlowStream(served.channel);
            slow.call.sendMessage(request(MANY, "m", new int[1 << 16]).putParameters("count", number(1_000)).build());
            slow.call.halfClose();
            Eventually.until("the answers are dropped",
                    () -> served.server().engine().buffers().inUseBytes() == 0 && isServed(served));
            slow.call.request(1_000);
            assertEquals(Status.Code.RESOURCE_EXHAUSTED, slow.end.get(60, TimeUnit.SECONDS).getCode());
            assertTrue(slow.received.get() < 1_000);
            assertEquals(0, served.bytesHeld());
        }
    }

    private static boolean isServed(ServedModels served) {
        return served.infer(request(PLAIN, "o", 1)).getOutputsCount() == 1;
    }
}

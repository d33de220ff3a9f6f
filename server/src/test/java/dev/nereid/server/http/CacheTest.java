package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The response cache of a whole server, over HTTP and gRPC. */
@Timeout(60)
class CacheTest {
    private static final MethodDescriptor<ModelInferRequest, ModelInferResponse> INFER = MethodDescriptor
            .<ModelInferRequest, ModelInferResponse>newBuilder(
                    ProtoUtils.marshaller(ModelInferRequest.getDefaultInstance()),
                    ProtoUtils.marshaller(ModelInferResponse.getDefaultInstance()))
            .setType(MethodType.UNARY).setFullMethodName("inference.GRPCInferenceService/ModelInfer").build();

    @TempDir
    private Path directory;

    private TestServer start(String... flags) throws IOException {
        Path models = Files.createDirectories(directory.resolve("models"));
        TestServer.writeModel(models, "cached", "max_batch_size: 8 response_cache { enable: true }", "TYPE_FP32", "4");
        return TestServer.start(directory, flags);
    }

    private static String infer(TestServer server, String parameters) {
        RawClient.Answer answer = server.post("/v2/models/cached/infer", TestServer.inferBody(parameters));
        assertEquals(200, answer.status(), answer::body);
        return answer.body();
    }

    private static String statistics(TestServer server) {
        return server.get("/v2/models/cached/stats").body();
    }

    private static ModelInferRequest request(String id) {
        ByteBuffer data = ByteBuffer.allocate(16).order(ByteOrder.LITTLE_ENDIAN);
        for (float value = 1; value <= 4; value++) {
            data.putFloat(value);
        }
        return ModelInferRequest.newBuilder().setModelName("cached").setId(id)
                .addInputs(ModelInferRequest.InferInputTensor.newBuilder().setName("INPUT0").setDatatype("FP32")
                        .addShape(1).addShape(4))
                .addRawInputContents(ByteString.copyFrom(data.flip())).build();
    }

    private static ManagedChannel channel(TestServer server) {
        return NettyChannelBuilder.forAddress("127.0.0.1", server.server().grpcPort()).usePlaintext().build();
    }

    @Test
    void whatHttpHasAskedIsThereForGrpcUntilTheModelIsLoadedAnew() throws Exception {
        try (TestServer server = start("--cache-config=local,size=1048576", "--model-control-mode=explicit",
                "--load-model=*")) {
            ManagedChannel channel = channel(server);
            String first = infer(server, "");
            ModelInferResponse second = ClientCalls.blockingUnaryCall(channel, INFER,
                    CallOptions.DEFAULT.withDeadlineAfter(30, TimeUnit.SECONDS), request("q"));

            assertTrue(first.contains("\"data\":[1.0,2.0,3.0,4.0]"), first);
            assertEquals("q", second.getId());
            assertEquals(16, second.getRawOutputContents(0).size());
            assertEquals(1, server.backend().batches().size());
            assertTrue(statistics(server).contains("\"cache_hit\":{\"count\":1,"), () -> statistics(server));
            assertTrue(server.get("/v2/models/cached/stats").body().contains("\"inference_count\":1,"));

            Files.writeString(directory.resolve("models/cached/1/model.bin"), "another");
            assertEquals(200, server.post("/v2/repository/models/cached/load", "{}").status());
            String third = infer(server, "");

            assertTrue(third.contains("\"data\":[1.0,2.0,3.0,4.0]"), third);
            assertEquals(2, server.backend().batches().size());
            channel.shutdownNow();
            assertEquals(0, server.bytesHeld());
        }
    }

    @Test
    void entriesMakeRoomByTheirBytes() throws Exception {
        // Each takes 1.5 KiB.
        try (TestServer server = start("--cache-config=local,size=4000")) {
            for (int i = 0; i < 3; i++) {
                String ignored = infer(server, "\"i\":" + i);
            }
            String again = infer(server, "\"i\":2");
            String gone = infer(server, "\"i\":0");

            assertEquals(again, gone);
            assertEquals(4, server.backend().batches().size());
            try (RawClient client = RawClient.connect(server.metricsPort())) {
                String metrics = client.send("GET", "/metrics", "").body();
                assertTrue(metrics.contains("nv_cache_num_evictions 2\n"), metrics);
                assertTrue(metrics.contains("nv_cache_num_entries 2\n"), metrics);
                assertTrue(metrics.contains("nv_cache_num_hits_per_model{model=\"cached\",version=\"1\"} 1\n"),
                        metrics);
                assertTrue(metrics.contains("nv_cache_num_misses_per_model{model=\"cached\",version=\"1\"} 4\n"),
                        metrics);
            }
        }
    }

    @Test
    void sixtyFourThatAskTheSameAtOnceCostOneExecution() throws Exception {
        try (TestServer server = start("--cache-config=local,size=1048576",
                "--cache-config=local,single-flight=true");
                var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<String>> answers = new ArrayList<>();
            answers.add(clients.submit(() -> infer(server, "\"hold\":true")));
            server.backend().awaitHeld();
            for (int i = 1; i < 64; i++) {
                answers.add(clients.submit(() -> infer(server, "\"hold\":true")));
            }
            Eventually.until("all have asked the cache",
                    () -> server.server().engine().cacheStatistics().orElseThrow().lookups() == 64);
            server.backend().release();

            for (Future<String> answer : answers) {
                assertEquals(answers.getFirst().get(), answer.get());
            }
            assertEquals(1, server.backend().batches().size());
            assertTrue(statistics(server).contains("\"success\":{\"count\":64,"), () -> statistics(server));
            assertEquals(0, server.bytesHeld());
        }
    }
}

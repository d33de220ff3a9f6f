package dev.nereid.server.grpc;

import static dev.nereid.server.grpc.ServedModels.MANY;
import static dev.nereid.server.grpc.ServedModels.OTHER;
import static dev.nereid.server.grpc.ServedModels.PLAIN;
import static dev.nereid.server.grpc.ServedModels.flag;
import static dev.nereid.server.grpc.ServedModels.ints;
import static dev.nereid.server.grpc.ServedModels.number;
import static dev.nereid.server.grpc.ServedModels.request;
import static dev.nereid.server.grpc.ServedModels.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import dev.nereid.server.grpc.proto.ServerLiveRequest;
import dev.nereid.server.grpc.proto.ServerLiveResponse;
import io.grpc.CallOptions;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Calls of inference against a whole server. */
@Timeout(120)
class GrpcFrontEndTest {
    @TempDir
    Path directory;
    private ServedModels served;

    @BeforeEach
    void start() {
        served = new ServedModels(directory);
    }

    @AfterEach
    void nothingIsHeld() {
        assertEquals(0, served.bytesHeld());
        served.close();
    }

    private static StatusRuntimeException refused(Runnable call) {
        return assertThrows(StatusRuntimeException.class, call::run);
    }

    private static boolean isFinal(ModelStreamInferResponse response) {
        return response.getInferResponse().getParametersOrThrow("triton_final_response").getBoolParam();
    }

    // One request, one answer

    @Test
    void answersWithTheOutputsAsBytes() {
        ModelInferResponse answer = served.infer(request(PLAIN, "a", 1, 2, 3));

        assertEquals(PLAIN, answer.getModelName());
        assertEquals("1", answer.getModelVersion());
        assertEquals("a", answer.getId());
        assertEquals("OUTPUT0", answer.getOutputs(0).getName());
        assertEquals(List.of(1L, 3L), answer.getOutputs(0).getShapeList());
        assertEquals(ints(1, 2, 3), answer.getRawOutputContents(0));
    }

    @Test
    void executesWhatIsSureToBeShortOnTheThreadOfTheConnection() {
        served.infer(request(PLAIN, "first", 1));
        assertTrue(served.executedBy.startsWith(PLAIN), served.executedBy);

        // So many in a row have to be quick; on a busy machine a few are not.
        for (int i = 0; i < 50_000 && !served.executedBy.startsWith("nereid-grpc"); i++) {
            assertEquals(ints(i), served.infer(request(PLAIN, "r" + i, i)).getRawOutputContents(0));
        }

        assertTrue(served.executedBy.startsWith("nereid-grpc"), served.executedBy);
    }

    @Test
    void aCallHasOneRequest() throws Exception {
        MethodDescriptor<ModelInferRequest, ModelInferResponse> several = ServedModels.INFER.toBuilder()
                .setType(MethodType.CLIENT_STREAMING).build();
        for (int requests : new int[]{0, 2, 3}) {
            CompletableFuture<Status> end = new CompletableFuture<>();
            StreamObserver<ModelInferRequest> calls = ClientCalls.asyncClientStreamingCall(
                    served.channel.newCall(several, CallOptions.DEFAULT), new StreamObserver<>() {
                        @Override
                        public void onNext(ModelInferResponse answer) {
                            end.complete(Status.OK);
                        }

                        @Override
                        public void onError(Throwable failure) {
                            end.complete(Status.fromThrowable(failure));
                        }

                        @Override
                        public void onCompleted() {
                            end.complete(Status.OK);
                        }
                    });
            for (int i = 0; i < requests; i++) {
                calls.onNext(request(PLAIN, "r" + i, 1).build());
            }
            calls.onCompleted();
            Status status = end.get(30, TimeUnit.SECONDS);
            assertEquals(Status.Code.INVALID_ARGUMENT, status.getCode(), status::toString);
            assertEquals("a call of this method has one request", status.getDescription());
        }
    }

    @Test
    void largeTensorsComeBackWhole() {
        int[] values = new Random(7).ints(3 << 20).toArray();

        assertEquals(ints(values), served.infer(request(OTHER, "a", values)).getRawOutputContents(0));
    }

    /** What is sorted lies on the heap: some ten megabytes for what the client sent as four hundred kilobytes. */
    @Test
    void whatClassifyingTakesCountsAgainstTheBound() {
        try (ServedModels small = new ServedModels(directory.resolve("small"), "--max-inflight-bytes=4194304")) {
            ModelInferRequest.Builder request = ServedModels.request(ServedModels.PLAIN, "a", new int[100_000]);
            assertEquals(400_000, small.infer(request).getRawOutputContents(0).size());

            request.addOutputs(ModelInferRequest.InferRequestedOutputTensor.newBuilder().setName("OUTPUT0")
                    .putParameters("classification", number(100_000)));
            assertEquals(Status.Code.UNAVAILABLE, refused(() -> small.infer(request)).getStatus().getCode());
            assertEquals(0, small.bytesHeld());
        }
    }

    @Test
    void classifiesWithLabels() {
        ModelInferResponse answer = served.infer(request(PLAIN, "a", 5, 9, 7).addOutputs(
                ModelInferRequest.InferRequestedOutputTensor.newBuilder().setName("OUTPUT0")
                        .putParameters("classification", number(2))));

        assertEquals("BYTES", answer.getOutputs(0).getDatatype());
        String texts = answer.getRawOutputContents(0).toString(StandardCharsets.ISO_8859_1);
        assertTrue(texts.contains("9:1:one") && texts.contains("7:2:two") && !texts.contains("5:0"), texts);
    }

    @Test
    void tellsWhatIsWrong() {
        Status unknown = refused(() -> served.infer(request("nosuch", "a", 1))).getStatus();
        assertEquals(Status.Code.NOT_FOUND, unknown.getCode());
        assertEquals("Request for unknown model: 'nosuch' is not found", unknown.getDescription());

        Status failed = refused(() -> served.infer(request(OTHER, "a", 1).putParameters("fail", text("no luck"))))
                .getStatus();
        assertEquals(Status.Code.UNAVAILABLE, failed.getCode());
        assertEquals("no luck", failed.getDescription());

        Status decoupled = refused(() -> served.infer(request(MANY, "a", 1))).getStatus();
        assertEquals(Status.Code.UNIMPLEMENTED, decoupled.getCode());
        assertEquals("ModelInfer RPC doesn't support models with decoupled transaction policy",
                decoupled.getDescription());
    }

    @Test
    void aServerThatLacksARepositoryIsNotLive() {
        assertTrue(isLive(served));
        try (ServedModels without = new ServedModels(directory.resolve("second"), "--exit-on-error=false",
                "--model-repository=" + directory.resolve("missing"))) {
            assertFalse(isLive(without));
        }
    }

    private static boolean isLive(ServedModels server) {
        MethodDescriptor<ServerLiveRequest, ServerLiveResponse> live = ServedModels.method(MethodType.UNARY,
                Methods.SERVICE + "/ServerLive", ServerLiveRequest.getDefaultInstance(),
                ServerLiveResponse.getDefaultInstance());
        return ClientCalls.blockingUnaryCall(server.channel, live, CallOptions.DEFAULT,
                ServerLiveRequest.getDefaultInstance()).getLive();
    }

    @Test
    void aDeadlineReachesTheBackend() throws Exception {
        CompletableFuture<Status> status = CompletableFuture.supplyAsync(
                () -> refused(() -> served.infer(request(OTHER, "a", 1).putParameters("hold", flag()),
                        CallOptions.DEFAULT.withDeadlineAfter(2, TimeUnit.SECONDS))).getStatus(),
                Thread.ofVirtual()::start);
        served.awaitHeld();

        served.awaitCancelled();
        assertEquals(Status.Code.DEADLINE_EXCEEDED, status.get(30, TimeUnit.SECONDS).getCode());
    }

    // Streams

    @Test
    void answersOfModelsWithOneComeInTheOrderOfTheRequests() throws Exception {
        ServedModels.Stream stream = served.stream();
        stream.send(request(PLAIN, "slow", 1).putParameters("hold", flag()));
        served.awaitHeld();
        stream.send(request(OTHER, "fast", 2));
        stream.send(request("nosuch", "wrong", 3));
        ModelInferResponse other = served.infer(request(OTHER, "unary", 4));
        assertEquals("unary", other.getId());
        assertEquals(0, stream.waiting());

        served.release();
        stream.halfClose();
        assertEquals(List.of("slow", "fast", "wrong"), stream.idsUntilTheEnd());
        assertTrue(isFinal(stream.next()));
        assertTrue(isFinal(stream.next()));
        assertEquals("Request for unknown model: 'nosuch' is not found", stream.next().getErrorMessage());
    }

    @Test
    void decoupledAnswersComeAsTheyAreMade() throws Exception {
        ServedModels.Stream stream = served.stream();
        stream.send(request(PLAIN, "slow", 1).putParameters("hold", flag()));
        served.awaitHeld();
        stream.send(request(MANY, "many", 2).putParameters("count", number(2)));

        ModelStreamInferResponse first = stream.next();
        assertEquals("many", first.getInferResponse().getId());
        assertFalse(isFinal(first));
        assertEquals("many", stream.next().getInferResponse().getId());
        served.release();
        stream.halfClose();
        assertEquals(List.of("slow"), stream.idsUntilTheEnd());
    }

    @Test
    void theEndOfResponsesIsToldToWhoAsksForIt() throws Exception {
        ServedModels.Stream stream = served.stream();
        stream.send(request(MANY, "silent", 2).putParameters("count", number(0)));
        stream.send(request(MANY, "told", 2).putParameters("count", number(1))
                .putParameters("triton_enable_empty_final_response", flag()));
        stream.halfClose();

        assertEquals(List.of("told", "told"), stream.idsUntilTheEnd());
        assertFalse(isFinal(stream.next()));
        ModelStreamInferResponse last = stream.next();
        assertTrue(isFinal(last));
        assertEquals(MANY, last.getInferResponse().getModelName());
        assertEquals("", last.getInferResponse().getModelVersion());
        assertEquals(0, last.getInferResponse().getOutputsCount());
    }

    @Test
    void anErrorStaysInTheStream() throws Exception {
        ServedModels.Stream stream = served.stream();
        stream.send(request(OTHER, "bad", 1).putParameters("fail", text("no luck")));
        stream.send(request(OTHER, "good", 1));
        stream.halfClose();

        assertEquals(List.of("bad", "good"), stream.idsUntilTheEnd());
        ModelStreamInferResponse bad = stream.next();
        assertEquals("no luck", bad.getErrorMessage());
        assertTrue(isFinal(bad));
    }

    @Test
    void anErrorEndsTheStreamOfAClientThatWantsIt() throws Exception {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("triton_grpc_error", Metadata.ASCII_STRING_MARSHALLER), "true");
        ServedModels.Stream stream = served.stream(headers);
        stream.send(request("nosuch", "refused", 1));
        assertEquals("refused", stream.next().getInferResponse().getId());
        stream.send(request(MANY, "held", 1).putParameters("hold", flag()));
        served.awaitHeld();
        stream.send(request(OTHER, "bad", 1).putParameters("fail", text("no luck")));

        Status status = stream.end();
        assertEquals(Status.Code.UNAVAILABLE, status.getCode());
        assertEquals("no luck", status.getDescription());
        served.awaitCancelled();
    }

    @Test
    void anErrorThatEndsTheStreamComesBehindEarlierAnswers() throws Exception {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("triton_grpc_error", Metadata.ASCII_STRING_MARSHALLER), "true");
        ServedModels.Stream stream = served.stream(headers);
        stream.send(request(PLAIN, "slow", 1).putParameters("hold", flag()));
        served.awaitHeld();
        stream.send(request(OTHER, "bad", 1).putParameters("fail", text("no luck")));
        ModelInferResponse behind = served.infer(request(OTHER, "behind", 1));
        assertEquals("behind", behind.getId());
        served.release();

        assertEquals("slow", stream.next().getInferResponse().getId());
        assertEquals("no luck", stream.end().getDescription());
    }

    @Test
    void givingAStreamUpGivesItsRequestsUp() throws Exception {
        ServedModels.Stream stream = served.stream();
        stream.send(request(OTHER, "a", 1).putParameters("hold", flag()));
        served.awaitHeld();
        stream.cancel();

        served.awaitCancelled();
        assertEquals(Status.Code.CANCELLED, stream.end().getCode());
    }

    @Test
    void manyRequestsOnOneStreamAreAllAnsweredInOrder() throws Exception {
        ServedModels.Stream stream = served.stream();
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 2_000; i++) {
            String model = i % 3 == 0 ? OTHER : PLAIN;
            ids.add(Integer.toString(i));
            stream.send(request(model, ids.getLast(), i, i + 1));
        }
        stream.halfClose();

        assertEquals(ids, stream.idsUntilTheEnd());
    }

    @Test
    void nothingStaysBehindWhereHalfOfTheCallsAreGivenUp() throws Exception {
        List<CompletableFuture<Void>> clients = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            Random random = new Random(i);
            clients.add(CompletableFuture.runAsync(() -> giveUpHalf(random), Thread.ofVirtual()::start));
        }
        for (CompletableFuture<Void> client : clients) {
            client.get(60, TimeUnit.SECONDS);
        }

        assertEquals(0, served.bytesHeld());
        assertEquals(ints(1), served.infer(request(PLAIN, "after", 1)).getRawOutputContents(0));
    }

    private void giveUpHalf(Random random) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (System.nanoTime() < end) {
            int[] values = new int[random.nextInt(50_000)];
            if (random.nextBoolean()) {
                ServedModels.Stream stream = served.stream();
                for (int i = 0; i < 3; i++) {
                    stream.send(request(MANY, "s" + i, values).putParameters("count", number(random.nextInt(3))));
                }
                if (random.nextBoolean()) {
                    stream.cancel();
                } else {
                    stream.halfClose();
                }
                endOf(stream);
            } else if (random.nextBoolean()) {
                served.infer(request(PLAIN, "u", values));
            } else {
                try {
                    served.infer(request(PLAIN, "d", values),
                            CallOptions.DEFAULT.withDeadlineAfter(random.nextInt(3_000), TimeUnit.MICROSECONDS));
                } catch (StatusRuntimeException e) {
                    assertEquals(Status.Code.DEADLINE_EXCEEDED, e.getStatus().getCode());
                }
            }
        }
    }

    private static void endOf(ServedModels.Stream stream) {
        try {
            Status ignored = stream.end();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }
}

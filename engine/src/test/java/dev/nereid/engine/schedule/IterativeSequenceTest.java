package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.schedule.SequenceFixture.Sent;
import dev.nereid.engine.stats.FailureReason;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Requests that their model has executed again (scheduling, 1.10). */
@Timeout(60)
class IterativeSequenceTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    static List<Strategy> strategies() {
        return List.of(SequenceFixture.direct(), SequenceFixture.oldest(4), new Strategy.Oldest(4, List.of(), 0, true));
    }

    private static Sent send(SequenceFixture rig, long value) {
        return rig.send(CorrelationId.NONE, value, "");
    }

    /** Adds X to the state in each of three rounds, and answers in the last. */
    private static class ThreeRounds implements ModelInstance {
        private final List<List<String>> batches = new ArrayList<>();
        private final boolean isLate;

        ThreeRounds(boolean isLate) {
            this.isLate = isLate;
        }

        @Override
        public void execute(Batch batch) {
            synchronized (batches) {
                batches.add(batch.requests().stream().map(SequenceFixture::row).toList());
            }
            Executor executor = isLate ? CompletableFuture.delayedExecutor(0, TimeUnit.SECONDS) : Runnable::run;
            for (InferenceRequest request : batch.requests()) {
                if (isLate) {
                    request.answerLater();
                }
                executor.execute(() -> round(request));
            }
        }

        void round(InferenceRequest request) {
            long value = request.input("X").orElseThrow().data().get(LONG, 0);
            long sum = request.input("SUM_IN").orElseThrow().data().get(LONG, 0) + value;
            InferenceResponse response = request.newResponse();
            response.addOutput("SUM_OUT", DataType.INT64, Shape.of(1, 1), 8).set(LONG, 0, sum);
            if (sum < 3 * value) {
                try {
                    request.executeAgain();
                } catch (InferenceException e) {
                    request.fail(e);
                }
            } else {
                response.addOutput("Y", DataType.INT64, Shape.of(1, 1), 8).set(LONG, 0, sum);
                response.send();
            }
        }

        List<List<String>> batches() {
            synchronized (batches) {
                return List.copyOf(batches);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void aRequestIsExecutedUntilItIsAnswered(Strategy strategy) {
        try (SequenceFixture rig = new SequenceFixture(strategy, 2, true)) {
            ThreeRounds model = new ThreeRounds(false);
            rig.add("m_0", model);
            assertEquals("9", send(rig, 3).answer());
            assertEquals(List.of(List.of("3S"), List.of("3"), List.of("3")), model.batches());
            assertEquals("30", rig.send(7, 10, "S").answer(), "with an id of its own");
            assertEquals("6", rig.send(7, 2, "S").answer(), "whose sequence is as long as the request");
            assertEquals(3, rig.statistics.success().count());
            assertEquals(9, rig.statistics.executionCount());
            assertEquals(0, rig.statistics.pendingCount());
            for (FailureReason reason : FailureReason.values()) {
                assertEquals(0, rig.statistics.failures(reason).count());
            }
            Waiting.until("all has left", () -> rig.scheduler.inFlight() == 0);
        }
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void manyRequestsShareTheSlots(Strategy strategy) {
        try (SequenceFixture rig = new SequenceFixture(strategy, 2, true)) {
            rig.add("m_0", new ThreeRounds(false));
            rig.add("m_1", new ThreeRounds(true));
            List<Sent> all = new ArrayList<>();
            for (int i = 1; i <= 200; i++) {
                all.add(send(rig, i));
            }
            for (int i = 1; i <= 200; i++) {
                assertEquals(Integer.toString(3 * i), all.get(i - 1).answer());
            }
            assertEquals(0, rig.statistics.pendingCount());
            assertFalse(rig.scheduler.hasSequences());
            assertEquals(0, rig.pool.inUseBytes());
        }
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void requestsAreGivenBackJustWhileTheirExecutionReturns(Strategy strategy) {
        try (SequenceFixture rig = new SequenceFixture(strategy, 4, true)) {
            rig.add("m_0", new ThreeRounds(true));
            rig.add("m_1", new ThreeRounds(true));
            for (int round = 0; round < 50; round++) {
                List<Sent> all = new ArrayList<>();
                for (int i = 1; i <= 100; i++) {
                    all.add(send(rig, i));
                }
                for (int i = 1; i <= 100; i++) {
                    assertEquals(Integer.toString(3 * i), all.get(i - 1).answer());
                }
            }
            assertEquals(0, rig.statistics.pendingCount());
            Waiting.until("all has left", () -> rig.scheduler.inFlight() == 0);
        }
    }

    @ParameterizedTest
    @MethodSource("strategies")
    void aRequestThatIsCancelledBetweenItsRoundsHoldsUpNoOther(Strategy strategy) throws Exception {
        CompletableFuture<Sent> cancelled = new CompletableFuture<>();
        try (SequenceFixture rig = new SequenceFixture(strategy, 2, true)) {
            rig.add("m_0", new ThreeRounds(false) {
                @Override
                void round(InferenceRequest request) {
                    super.round(request);
                    if (request.id().equals("r5")) {
                        cancelled.join().request.cancel();
                    }
                }
            });
            Sent first = send(rig, 5);
            cancelled.complete(first);
            assertEquals("CANCELLED ", first.answer());
            assertEquals("9", send(rig, 3).answer());
            assertEquals(0, rig.statistics.pendingCount());
            assertEquals(1, rig.statistics.failures(FailureReason.CANCELED).count());
            Waiting.until("all has left", () -> rig.scheduler.inFlight() == 0);
            assertEquals(0, rig.pool.inUseBytes());
        }
    }

    @Test
    void anEndOrAnIdleSequenceHasNoFurtherRound() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1, true)) {
            String noStart = "INVALID_ARG inference request for sequence 7 to model 'm' must specify the START flag on the"
                    + " first request of the sequence";
            rig.add("m_0", new ThreeRounds(false) {
                @Override
                void round(InferenceRequest request) {
                    if (request.correlationId().toString().equals("8")) {
                        rig.time.advanceMicros(SequenceFixture.IDLE_MICROS);
                    }
                    super.round(request);
                }
            });
            assertEquals(noStart, rig.send(7, 1, "SE").answer());
            assertEquals(noStart.replace("7", "8"), rig.send(8, 1, "S").answer());
            assertEquals("3", send(rig, 1).answer());
            assertEquals(2, rig.statistics.failures(FailureReason.BACKEND).count()
                    + rig.statistics.failures(FailureReason.OTHER).count());
        }
    }

    @Test
    void aStopLetsRoundsGoOn() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1, true)) {
            CompletableFuture<Void> stopping = new CompletableFuture<>();
            rig.add("m_0", new ThreeRounds(false) {
                @Override
                void round(InferenceRequest request) {
                    stopping.join();
                    super.round(request);
                }
            });
            Sent sent = send(rig, 5);
            rig.scheduler.refuseSequences();
            stopping.complete(null);
            assertEquals("15", sent.answer());
        }
    }

    @Test
    void otherModelsHaveNoFurtherRounds() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1)) {
            rig.add("m_0", new ThreeRounds(false));
            assertEquals(
                    "INVALID_ARG Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE, while the model is"
                            + " not configured to handle such a flag.",
                    rig.send(1, 1, "S").answer());
        }
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.schedule.SequenceFixture.Recorder;
import dev.nereid.engine.schedule.SequenceFixture.Sent;
import dev.nereid.engine.stats.FailureReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Sequences with time driven by hand (scheduling, section 1). */
@Timeout(60)
class SequenceSchedulingTest {
    private static final String NO_START = "INVALID_ARG inference request for sequence 1 to model 'm' must specify the"
            + " START flag on the first request of the sequence";

    private static String refusal(SequenceFixture rig, long id, String flags, int rows) {
        Sent sent = rig.new Sent(new CorrelationId.Numeric(id), 0, flags.contains("S"), flags.contains("E"), 0, rows);
        InferenceException e = assertThrows(InferenceException.class, () -> rig.scheduler.submit(sent.request));
        return e.code() + " " + e.getMessage();
    }

    @Test
    void theStateOfASequenceIsKeptFromRequestToRequest() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("3", rig.send(1, 3, "S").answer());
            assertEquals("10", rig.send(2, 10, "S").answer());
            assertEquals("7", rig.send(1, 4, "").answer());
            assertEquals("12", rig.send(1, 5, "E").answer());
            assertEquals("1", rig.send(3, 1, "SE").answer(), "the next sequence in the slot starts anew");
            assertEquals("11", rig.send(2, 1, "E").answer());
        }
    }

    @Test
    void refusalsHaveTheirTextsAndCountAsNoFailure() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("INVALID_ARG inference request to model 'm' must specify batch-size 1 due to requirements of"
                    + " sequence batcher", refusal(rig, 0, "", 2));
            assertEquals(
                    "INVALID_ARG inference request to model 'm' must specify a non-zero or non-empty correlation ID",
                    refusal(rig, 0, "S", 1));
            assertEquals(NO_START, refusal(rig, 1, "", 1));
            assertEquals("1", rig.send(1, 1, "SE").answer());
            assertEquals(NO_START, refusal(rig, 1, "", 1));
            assertEquals(0, rig.statistics.failures(FailureReason.OTHER).count());
            assertEquals(0, rig.statistics.pendingCount());
        }
    }

    @Test
    void startOnALiveIdRestartsTheStateInTheSameSlot() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            Recorder model = new Recorder(false);
            rig.add("m_0", model);
            assertEquals("3", rig.send(1, 3, "S").answer());
            assertEquals("5", rig.send(1, 5, "S").answer());
            assertEquals(List.of(List.of("3S"), List.of("5S")), model.batches());
        }
    }

    @Test
    void numbersAndTextsAreDifferentIds() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("3", rig.send(1, 3, "S").answer());
            assertEquals("4", rig.send(new CorrelationId.Text("1"), 4, "S").answer());
            assertEquals("5", rig.send(1, 2, "E").answer());
            assertEquals("5", rig.send(new CorrelationId.Text("1"), 1, "E").answer());
        }
    }

    @Test
    void rowsWithoutARequestAreGaps() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 4)) {
            Recorder model = new Recorder(true);
            rig.add("m_0", model);
            Sent a = rig.send(1, 1, "S");
            model.awaitStart();
            Sent b = rig.send(2, 2, "S");
            Sent c = rig.send(3, 3, "S");
            model.let(1);
            model.awaitStart();
            model.let(1);
            assertEquals("1", a.answer());
            assertEquals("2", b.answer());
            assertEquals("3", c.answer());
            Sent last = rig.send(3, 4, "E");
            model.awaitStart();
            model.let(1);
            assertEquals("7", last.answer());
            assertEquals(List.of(List.of("1S"), List.of(".", "2S", "3S"), List.of(".", ".", "4E")), model.batches());
            assertEquals(4, rig.statistics.inferenceCount(), "gaps are no inferences");
            assertEquals(2, Objects.requireNonNull(rig.statistics.batches().get(3)).infer().count(),
                    "but rows of an execution");
        }
    }

    @Test
    void aDelayWaitsForSlotsToFillAndNotForEver() {
        try (SequenceFixture rig = new SequenceFixture(new Strategy.DirectSlots(100, 1), 2)) {
            Recorder model = new Recorder(false);
            rig.add("m_0", model);
            Sent a = rig.send(1, 1, "S");
            rig.time.advanceMicros(99);
            assertFalse(a.isDone());
            rig.time.advanceMicros(1);
            assertEquals("1", a.answer());
            Sent b = rig.send(1, 1, "");
            Sent c = rig.send(2, 1, "S");
            assertEquals("2", b.answer());
            assertEquals("1", c.answer());
            assertEquals(2, model.batches().size());
        }
    }

    @Test
    void firstRowsOfAllInstancesComeBeforeAnySecondRow() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            Recorder first = new Recorder(false);
            Recorder second = new Recorder(false);
            rig.add("m_0", first);
            rig.add("m_1", second);
            for (int id = 1; id <= 4; id++) {
                assertEquals(Integer.toString(id), rig.send(id, id, "S").answer());
            }
            assertEquals(List.of(List.of("1S"), List.of(".", "3S")), first.batches());
            assertEquals(List.of(List.of("2S"), List.of(".", "4S")), second.batches());
        }
    }

    @Test
    void theBacklogMovesIntoSlotsThatBecomeFree() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.oldest(1), 4)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("1", rig.send(1, 1, "S").answer());
            Sent waits = rig.send(2, 5, "S");
            Sent behind = rig.send(2, 6, "E");
            assertFalse(waits.isDone());
            assertEquals("3", rig.send(1, 2, "E").answer());
            assertEquals("5", waits.answer());
            assertEquals("11", behind.answer());
        }
    }

    @Test
    void startRightBehindEndIsASequenceOfItsOwn() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            Recorder model = new Recorder(true);
            rig.add("m_0", model);
            Sent first = rig.send(1, 1, "S");
            model.awaitStart();
            Sent end = rig.send(1, 2, "E");
            Sent again = rig.send(1, 10, "S");
            model.let(3);
            assertEquals("1", first.answer());
            assertEquals("3", end.answer());
            assertEquals("10", again.answer());
            assertEquals(List.of(List.of("1S"), List.of("2E", "10S")), model.batches());
        }
    }

    @Test
    void whatWaitsTooLongForASlotFailsAndItsIdIsForgotten() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("1", rig.send(9, 1, "S").answer());
            Sent a = rig.send(new CorrelationId.Numeric(1), 1, "S", 50);
            Sent b = rig.send(1, 2, "");
            rig.time.advanceMicros(51);
            String expired = "UNAVAILABLE timeout of the corresponding sequence has been expired";
            assertEquals(expired, a.answer());
            assertEquals(expired, b.answer());
            assertEquals(2, rig.statistics.failures(FailureReason.REJECTED).count());
            assertEquals(NO_START, refusal(rig, 1, "", 1));
        }
    }

    @Test
    void anIdleSequenceLosesItsSlot() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("1", rig.send(1, 1, "S").answer());
            Sent waits = rig.send(2, 5, "S");
            rig.time.advanceMicros(SequenceFixture.IDLE_MICROS - 1);
            assertFalse(waits.isDone());
            rig.time.advanceMicros(1);
            assertEquals("5", waits.answer());
            assertEquals(NO_START, refusal(rig, 1, "", 1));
            rig.time.advanceMicros(SequenceFixture.IDLE_MICROS - 1);
            assertEquals("6", rig.send(2, 1, "E").answer(), "the limit counts from when the slot was given");
        }
    }

    @Test
    void aCancelledRequestInFrontEndsItsSequence() {
        for (Strategy strategy : List.of(SequenceFixture.direct(), SequenceFixture.oldest(1),
                new Strategy.Oldest(1, List.of(), 0, true))) {
            try (SequenceFixture rig = new SequenceFixture(strategy, 1)) {
                Recorder model = new Recorder(true);
                rig.add("m_0", model);
                Sent runs = rig.send(1, 1, "S");
                model.awaitStart();
                Sent gone = rig.send(1, 2, "");
                Sent behind = rig.send(1, 3, "");
                gone.request.cancel();
                model.let(1);
                assertEquals("1", runs.answer());
                assertEquals("CANCELLED ", gone.answer());
                assertEquals("CANCELLED ", behind.answer());
                assertEquals(2, rig.statistics.failures(FailureReason.CANCELED).count());
                assertEquals(NO_START, refusal(rig, 1, "", 1));
            }
        }
    }

    @Test
    void oldestHasNoGapsAndOneRequestOfASequenceInABatch() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.oldest(4), 4)) {
            Recorder model = new Recorder(true);
            rig.add("m_0", model);
            Sent a = rig.send(1, 1, "S");
            model.awaitStart();
            List<Sent> more = new ArrayList<>();
            more.add(rig.send(2, 2, "S"));
            more.add(rig.send(2, 3, ""));
            more.add(rig.send(3, 4, "S"));
            model.let(3);
            more.forEach(Sent::answer);
            assertEquals("1", a.answer());
            assertEquals(List.of(List.of("1S"), List.of("2S", "4S"), List.of("3")), model.batches());
        }
    }

    @Test
    void aSequenceThatRunsKeepsAnInstanceThatIsTakenOut() throws InterruptedException {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 1)) {
            Instance old = rig.add("old", new Recorder(false));
            assertEquals("1", rig.send(1, 1, "S").answer());
            rig.add("new", new Recorder(false));
            Thread removal = Thread.ofPlatform().start(() -> {
                boolean ignored = rig.scheduler.remove(old);
                old.close();
            });
            assertEquals("7", rig.send(2, 7, "SE").answer());
            assertEquals("3", rig.send(1, 2, "E").answer());
            removal.join();
            assertEquals(1, rig.scheduler.instances().size());
        }
    }

    @Test
    void nothingIsExecutedUntilSoManyWaitWithAndWithoutASlot() {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            Recorder model = new Recorder(false);
            rig.scheduler.holdUntilQueued(2, 1);
            rig.add("m_0", model);
            Sent first = rig.send(1, 1, "SE");
            Sent second = rig.send(2, 2, "SE");
            assertFalse(first.isDone());
            assertEquals(List.of(), model.batches());
            Sent third = rig.send(3, 3, "SE");
            assertEquals("1", first.answer());
            assertEquals("2", second.answer());
            assertEquals("3", third.answer());
            assertEquals(List.of(List.of("1SE", "2SE"), List.of("3SE")), model.batches());
        }
    }

    @Test
    void preservedOrderIsThatOfTheExecutions() {
        try (SequenceFixture rig = new SequenceFixture(new Strategy.Oldest(1, List.of(), 0, true), 1)) {
            Recorder slow = new Recorder(true);
            Recorder fast = new Recorder(true);
            rig.add("slow", slow);
            rig.add("fast", fast);
            Sent first = rig.send(1, 1, "S");
            slow.awaitStart();
            Sent second = rig.send(2, 2, "S");
            fast.awaitStart();
            Sent third = rig.send(2, 3, "E");
            fast.let(2);
            Waiting.until("the second execution", () -> fast.batches().size() == 2);
            assertFalse(second.isDone(), "the first is not answered");
            slow.let(1);
            assertEquals("1", first.answer());
            assertEquals("2", second.answer());
            assertEquals("5", third.answer());
        }
    }

    @Test
    void aStopLetsSequencesEndAndStartsNone() throws InterruptedException {
        try (SequenceFixture rig = new SequenceFixture(SequenceFixture.direct(), 2)) {
            rig.add("m_0", new Recorder(false));
            assertEquals("1", rig.send(1, 1, "S").answer());
            Thread stop = Thread.ofPlatform().start(() -> rig.scheduler.stopInstances().forEach(Instance::close));
            String stopping = "UNAVAILABLE Server is stopping, scheduler for model has stopped accepting new inference"
                    + " requests";
            Waiting.until("the stop", () -> {
                try {
                    Sent sent = rig.send(2, 1, "SE");
                    return sent.answer().equals(stopping);
                } catch (InferenceException e) {
                    return stopping.equals(e.code() + " " + e.getMessage());
                }
            });
            assertEquals("3", rig.send(1, 2, "E").answer());
            stop.join();
        }
    }
}

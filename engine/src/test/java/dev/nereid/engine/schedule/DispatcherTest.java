package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.EngineRequest;
import dev.nereid.engine.schedule.Rig.Gated;
import dev.nereid.engine.schedule.Rig.Open;
import dev.nereid.engine.stats.FailureReason;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** How requests and instances come together: who executes what, and when. */
@Timeout(60)
class DispatcherTest {
    private static final QueuePolicy REJECT_AFTER_50 = new QueuePolicy(TimeoutAction.REJECT, 50, false, 0);

    @Test
    void instancesServeInTheOrderInWhichTheyBecameFree() {
        try (Rig rig = Rig.direct()) {
            Gated first = new Gated();
            Gated second = new Gated();
            rig.add("first", first);
            rig.add("second", second);

            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            assertEquals(List.of("a"), first.next());
            assertEquals(List.of("b"), second.next());

            second.let(1);
            b.await();
            first.let(1);
            a.await();
            RecordingSink c = rig.submit("c");
            assertEquals(List.of("c"), second.next());
            second.let(1);
            c.await();
        }
    }

    @Test
    void aBatchIsFormedWhenAnInstanceBecomesFreeAndNotBefore() {
        try (Rig rig = Rig.batching(4, 0, QueuePolicy.DEFAULT)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            assertEquals(List.of("a"), instance.next());

            rig.submit("b");
            rig.submit("c");
            assertEquals(2, rig.dispatcher.queueSize());
            rig.submit("d");
            instance.let(1);

            assertEquals(List.of("b", "c", "d"), instance.next());
            assertEquals(0, rig.dispatcher.queueSize());
            instance.let(1);
        }
    }

    @Test
    void everyFreeInstanceGetsABatchWhereSeveralAreDue() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Gated first = new Gated();
            Gated second = new Gated();
            rig.add("first", first);
            rig.add("second", second);
            rig.dispatcher.submit(rig.requests.id("a").rows(3).build());
            rig.dispatcher.submit(rig.requests.id("b").rows(3).build());
            assertEquals(List.of("a"), first.next());

            rig.time.advanceMicros(100);

            assertEquals(List.of("b"), second.next(), "the first instance is still busy");
            first.let(1);
            second.let(1);
        }
    }

    @Test
    void whatWaitsForCompanyLeavesWhenItsTimeHasCome() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Open instance = new Open();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            rig.time.advanceMicros(99);
            assertEquals(List.of(), instance.batches());

            rig.time.advanceMicros(1);
            a.await();
            b.await();
            assertEquals(List.of(List.of("a", "b")), instance.batches());
        }
    }

    @Test
    void anInstanceThatComesLaterServesWhatWaits() {
        try (Rig rig = Rig.direct()) {
            RecordingSink a = rig.submit("a");
            assertEquals(1, rig.statistics.pendingCount());

            rig.add("m_0", new Open());
            assertEquals(List.of("response"), a.await().events());
        }
    }

    @Test
    void timeoutsFireByTheTimerWhileTheInstanceIsBusy() {
        try (Rig rig = Rig.batching(1, 0, REJECT_AFTER_50)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            assertEquals(List.of("a"), instance.next());
            RecordingSink late = rig.submit("late");

            rig.time.advanceMicros(50);

            assertEquals("Request timeout expired", late.await().error().getMessage());
            assertEquals(1, rig.statistics.failures(FailureReason.REJECTED).count());
            assertEquals(0, rig.statistics.pendingCount());
            instance.let(1);
        }
    }

    @Test
    void aBatchThatIsDueDoesNotMakeTheTimerSpinWhileNoInstanceIsFree() {
        try (Rig rig = Rig.batching(4, 100, QueuePolicy.DEFAULT)) {
            Instance only = rig.add("m_0", new Open());
            RecordingSink a = rig.submit("a");
            assertTrue(rig.time.due() < RequestQueue.NEVER);

            assertTrue(rig.dispatcher.remove(only));
            only.close();
            assertEquals(RequestQueue.NEVER, rig.time.due());
            rig.time.advanceMicros(200);
            assertEquals(0, rig.time.rings());

            rig.add("m_1", new Open());
            a.await();
        }
    }

    @Test
    void aCancelledRequestLeavesTheQueueAtOnce() {
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            RecordingSink sink = new RecordingSink();
            EngineRequest request = rig.requests.one("b", sink);
            rig.dispatcher.submit(request);
            assertEquals(1, rig.statistics.pendingCount());

            rig.dispatcher.cancel(request);

            assertEquals(List.of("failure CANCELLED"), sink.events());
            assertEquals(0, rig.statistics.pendingCount());
            assertEquals(1, rig.statistics.failures(FailureReason.CANCELED).count());
            instance.let(1);
        }
    }

    @Test
    void aCancelledRequestThatIsExecutedIsLeftToItsBackend() {
        AtomicBoolean seen = new AtomicBoolean();
        try (Rig rig = Rig.direct()) {
            Gated instance = new Gated(batch -> {
                seen.set(batch.requests().getFirst().isCancelled());
                Rig.answerAll(batch);
            });
            rig.add("m_0", instance);
            RecordingSink sink = new RecordingSink();
            EngineRequest request = rig.requests.one("a", sink);
            rig.dispatcher.submit(request);
            assertEquals(List.of("a"), instance.next());

            rig.dispatcher.cancel(request);
            instance.let(1);

            assertEquals(List.of("response"), sink.await().events());
            assertTrue(seen.get());
        }
    }

    @Test
    void aFullQueueIsToldToWhoSubmits() {
        try (Rig rig = new Rig(new DirectQueue(1), false)) {
            RecordingSink a = rig.submit("a");
            RecordingSink refused = new RecordingSink();

            assertThrows(InferenceException.class, () -> rig.dispatcher.submit(rig.requests.one("b", refused)));

            assertEquals(List.of(), refused.events(), "the sink gets nothing");
            assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
            assertEquals(1, rig.statistics.pendingCount());
            rig.add("m_0", new Open());
            a.await();
        }
    }

    @Test
    void thePendingGaugeCountsWhatWaitsAndReturnsToZero() {
        try (Rig rig = Rig.batching(4, 0, QueuePolicy.DEFAULT)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), instance.next());
            assertEquals(0, rig.statistics.pendingCount());
            RecordingSink b = rig.submit("b");
            RecordingSink c = rig.submit("c");
            assertEquals(2, rig.statistics.pendingCount());

            instance.let(2);
            a.await();
            b.await();
            c.await();
            assertEquals(0, rig.statistics.pendingCount());
        }
    }
}

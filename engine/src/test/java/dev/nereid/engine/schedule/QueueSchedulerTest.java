package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import dev.nereid.engine.stats.FailureReason;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** How requests and instances come together: who executes what, and when. */
@Timeout(60)
class QueueSchedulerTest {
    private static final QueuePolicy REJECT_AFTER_50 = new QueuePolicy(TimeoutAction.REJECT, 50, false, 0);

    @Test
    void anExecutionWithoutRowsCountsAsOneRow() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open());
            RecordingSink sink = new RecordingSink();
            rig.scheduler.submit(rig.requests.id("a").rows(0).to(sink).build());

            sink.await();
            assertEquals(Set.of(1), rig.statistics.batches().keySet());
        }
    }

    @Test
    void instancesServeInTheOrderInWhichTheyBecameFree() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
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
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 0, QueuePolicy.DEFAULT)) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            assertEquals(List.of("a"), instance.next());

            rig.submit("b");
            rig.submit("c");
            assertEquals(2, rig.scheduler.queueSize());
            rig.submit("d");
            instance.let(1);

            assertEquals(List.of("b", "c", "d"), instance.next());
            assertEquals(0, rig.scheduler.queueSize());
            instance.let(1);
        }
    }

    @Test
    void theFirstBatchCanBeHeldUntilSoManyRequestsWait() {
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 50, QueuePolicy.DEFAULT)) {
            rig.scheduler.holdUntilQueued(3, 0);
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            rig.submit("b");
            rig.time.advanceMicros(TimeUnit.SECONDS.toMicros(60));
            assertTrue(instance.isIdle());
            assertEquals(2, rig.scheduler.queueSize());
            assertEquals(Optional.empty(), rig.scheduler.stall(TimeUnit.SECONDS.toNanos(30)));

            rig.submit("c");
            assertEquals(List.of("a", "b", "c"), instance.next());
            instance.let(1);
            rig.submit("d");
            rig.time.advanceMicros(50);
            assertEquals(List.of("d"), instance.next());
            instance.let(1);
        }
    }

    @Test
    void requestsThatAreHeldStillExpireAndAreExecutedAtTheEnd() {
        SchedulerFixture rig = SchedulerFixture.batching(4, 0, REJECT_AFTER_50);
        Open instance = new Open();
        RecordingSink last;
        try (rig) {
            rig.scheduler.holdUntilQueued(9, 0);
            rig.add("m_0", instance);
            RecordingSink first = rig.submit("a");
            rig.time.advanceMicros(51);
            assertEquals("Request timeout expired", first.await().error().getMessage());
            last = rig.submit("b");
        }
        last.await();
        assertEquals(List.of(List.of("b")), instance.batches());
    }

    @Test
    void everyFreeInstanceGetsABatchWhereSeveralAreDue() {
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 100, QueuePolicy.DEFAULT)) {
            Gated first = new Gated();
            Gated second = new Gated();
            rig.add("first", first);
            rig.add("second", second);
            rig.scheduler.submit(rig.requests.id("a").rows(3).build());
            rig.scheduler.submit(rig.requests.id("b").rows(3).build());
            assertEquals(List.of("a"), first.next());

            rig.time.advanceMicros(100);

            assertEquals(List.of("b"), second.next(), "the first instance is still busy");
            first.let(1);
            second.let(1);
        }
    }

    @Test
    void whatWaitsForCompanyLeavesWhenItsTimeHasCome() {
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 100, QueuePolicy.DEFAULT)) {
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
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            RecordingSink a = rig.submit("a");
            assertEquals(1, rig.statistics.pendingCount());

            rig.add("m_0", new Open());
            assertEquals(List.of("response"), a.await().events());
        }
    }

    @Test
    void timeoutsFireByTheTimerWhileTheInstanceIsBusy() {
        try (SchedulerFixture rig = SchedulerFixture.batching(1, 0, REJECT_AFTER_50)) {
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
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 100, QueuePolicy.DEFAULT)) {
            Instance only = rig.add("m_0", new Open());
            RecordingSink a = rig.submit("a");
            assertTrue(rig.time.due() < RequestQueue.NEVER);

            assertTrue(rig.scheduler.remove(only));
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
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            rig.submit("a");
            RecordingSink sink = new RecordingSink();
            ActiveRequest request = rig.requests.one("b", sink);
            rig.scheduler.submit(request);
            assertEquals(1, rig.statistics.pendingCount());

            request.cancel();

            assertEquals(List.of("failure CANCELLED"), sink.events());
            assertEquals(0, rig.statistics.pendingCount());
            assertEquals(1, rig.statistics.failures(FailureReason.CANCELED).count());
            instance.let(1);
        }
    }

    @Test
    void aCancelledRequestThatIsExecutedIsLeftToItsBackend() {
        AtomicBoolean seen = new AtomicBoolean();
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated instance = new Gated(batch -> {
                seen.set(batch.requests().getFirst().isCancelled());
                SchedulerFixture.answerAll(batch);
            });
            rig.add("m_0", instance);
            RecordingSink sink = new RecordingSink();
            ActiveRequest request = rig.requests.one("a", sink);
            rig.scheduler.submit(request);
            assertEquals(List.of("a"), instance.next());

            request.cancel();
            instance.let(1);

            assertEquals(List.of("response"), sink.await().events());
            assertTrue(seen.get());
        }
    }

    @Test
    void aFullQueueIsToldToWhoSubmits() {
        try (SchedulerFixture rig = new SchedulerFixture(new DirectQueue(1), false)) {
            RecordingSink a = rig.submit("a");
            RecordingSink refused = new RecordingSink();

            assertThrows(InferenceException.class, () -> rig.scheduler.submit(rig.requests.one("b", refused)));

            assertEquals(List.of(), refused.events(), "the sink gets nothing");
            assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
            assertEquals(1, rig.statistics.pendingCount());
            rig.add("m_0", new Open());
            a.await();
        }
    }

    @Test
    void thePendingGaugeCountsWhatWaitsAndReturnsToZero() {
        try (SchedulerFixture rig = SchedulerFixture.batching(4, 0, QueuePolicy.DEFAULT)) {
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

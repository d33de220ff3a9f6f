package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import dev.nereid.engine.stats.FailureReason;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Taking instances out of service, and the end of a scheduler. */
@Timeout(60)
class QueueSchedulerStopTest {
    @Test
    void removingAnIdleInstanceTakesItOutOfService() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Open removed = new Open();
            Instance instance = rig.add("removed", removed);
            rig.add("kept", new Open());

            assertTrue(rig.scheduler.remove(instance));
            instance.close();
            rig.submit("a").await();
            rig.submit("b").await();
            assertEquals(List.of(), removed.batches());
        }
    }

    @Test
    void removingABusyInstanceWaitsForItsExecution() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated busy = new Gated();
            Instance instance = rig.add("busy", busy);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), busy.next());
            rig.add("other", new Open());

            FutureTask<Boolean> removal = new FutureTask<>(() -> rig.scheduler.remove(instance));
            Thread remover = Thread.ofPlatform().start(removal);
            Waiting.until("the removal waits", () -> remover.getState() == Thread.State.WAITING);
            rig.submit("b").await();
            assertFalse(removal.isDone());

            busy.let(1);
            assertTrue(removal.get());
            a.await();
            instance.close();
            assertTrue(busy.isIdle());
        }
    }

    @Test
    void whatStopHasReturnedCanNotBeRemoved() {
        SchedulerFixture rig = SchedulerFixture.direct();
        Instance instance = rig.add("m_0", new Open());

        List<Instance> idle = rig.scheduler.stopInstances();

        assertEquals(List.of(instance), idle);
        assertFalse(rig.scheduler.remove(instance));
        idle.forEach(Instance::close);
        rig.close();
    }

    @Test
    void theInstancesOfAStoppedSchedulerAreThereToBeTakenOnce() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Instance instance = rig.add("m_0", new Open());
            rig.scheduler.stop();
            rig.scheduler.stop();

            List<Instance> idle = rig.scheduler.stopInstances();

            assertEquals(List.of(instance), idle);
            assertEquals(List.of(), rig.scheduler.stopInstances());
            idle.forEach(Instance::close);
        }
    }

    @Test
    void stoppingRefusesNewRequestsAndFinishesThoseThatWait() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated instance = new Gated();
            Instance added = rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink b = rig.submit("b");
            assertEquals(List.of("a"), instance.next());
            FutureTask<List<Instance>> stop = new FutureTask<>(rig.scheduler::stopInstances);
            Thread stopper = Thread.ofPlatform().start(stop);
            Waiting.until("the stop waits", () -> stopper.getState() == Thread.State.WAITING);

            InferenceException refused = assertThrows(InferenceException.class, () -> rig.submit("c"));
            assertEquals(StatusCode.UNAVAILABLE, refused.code());
            assertEquals("[request id: c] Server is stopping, scheduler for model has stopped accepting new inference "
                    + "requests", refused.getMessage());

            instance.let(2);
            List<Instance> idle = stop.get();
            assertTrue(a.isDone() && b.isDone());
            assertEquals(List.of(added), idle);
            idle.forEach(Instance::close);
        }
    }

    @Test
    void stoppingDoesNotWaitForFullerBatches() {
        SchedulerFixture rig = SchedulerFixture.batching(4, Long.MAX_VALUE, QueuePolicy.DEFAULT);
        Open instance = new Open();
        rig.add("m_0", instance);
        RecordingSink a = rig.submit("a");
        RecordingSink b = rig.submit("b");

        rig.close();

        assertEquals(List.of("response"), a.events());
        assertEquals(List.of("response"), b.events());
        assertEquals(List.of(List.of("a", "b")), instance.batches());
    }

    @Test
    void stoppingWithoutInstancesTurnsAwayWhatWaits() {
        SchedulerFixture rig = SchedulerFixture.direct();
        RecordingSink a = rig.submit("a");

        rig.close();

        assertEquals(StatusCode.UNAVAILABLE, a.error().code());
        assertEquals(0, rig.statistics.pendingCount());
        assertEquals(1, rig.statistics.failures(FailureReason.OTHER).count());
    }

    @Test
    void stopReturnsOnlyWhenTheLastAnswerHasLeft() throws Exception {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            rig.add("m_0", new Open());
            CountDownLatch delivering = new CountDownLatch(1);
            CountDownLatch mayLeave = new CountDownLatch(1);
            RecordingSink slow = new RecordingSink(() -> {
                delivering.countDown();
                Waiting.on(mayLeave);
            });
            rig.scheduler.submit(rig.requests.one("a", slow));
            Waiting.on(delivering);
            FutureTask<List<Instance>> stop = new FutureTask<>(rig.scheduler::stopInstances);
            Thread stopper = Thread.ofPlatform().start(stop);
            Waiting.until("the stop waits", () -> stopper.getState() == Thread.State.WAITING);

            mayLeave.countDown();
            stop.get().forEach(Instance::close);
            assertTrue(slow.isDone());
        }
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.InstanceThread;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

/** Instances that share a thread, or resources with those of other models. */
@Timeout(60)
class SharedInstancesTest {
    private static final InstanceGroup.RateLimiter ONE_OF_R = needs(1, 0);

    // Resources

    @Test
    void modelsTakeTurnsWhereThereIsEnoughForOne() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture one = direct(limiter); SchedulerFixture two = direct(limiter)) {
            Gated first = new Gated();
            Gated second = new Gated();
            one.add("one_0", limiter.claim(ONE_OF_R, 0), first);
            two.add("two_0", limiter.claim(ONE_OF_R, 0), second);
            one.submit("a");
            RecordingSink b = two.submit("b");
            one.submit("c");
            assertEquals(List.of("a"), first.next());
            assertTrue(second.isIdle());
            assertEquals(1, two.scheduler.queueSize());

            first.let(1);
            assertEquals(List.of("b"), second.next());
            assertTrue(first.isIdle(), "the other model has had fewer chances");
            second.let(1);
            b.await();
            assertEquals(List.of("c"), first.next());
            first.let(1);
        }
    }

    @Test
    void aBatchGrowsUntilTheResourcesAreThere() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture one = direct(limiter); SchedulerFixture two = batching(limiter, 0, QueuePolicy.DEFAULT)) {
            Gated first = new Gated();
            Gated second = new Gated();
            one.add("one_0", limiter.claim(ONE_OF_R, 0), first);
            two.add("two_0", limiter.claim(ONE_OF_R, 0), second);
            one.submit("a");
            assertEquals(List.of("a"), first.next());
            two.submit("b");
            two.submit("c");
            two.submit("d");

            first.let(1);
            assertEquals(List.of("b", "c", "d"), second.next());
            second.let(1);
        }
    }

    @Test
    void whatWaitsForCompanyDoesNotKeepOthersFromTheResources() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture one = direct(limiter);
                SchedulerFixture two = batching(limiter, 100, QueuePolicy.DEFAULT)) {
            Open first = new Open();
            Gated second = new Gated();
            one.add("one_0", limiter.claim(ONE_OF_R, 0), first);
            two.add("two_0", limiter.claim(ONE_OF_R, 0), second);
            two.submit("b");
            one.submit("a").await();

            two.time.advanceMicros(100);
            assertEquals(List.of("b"), second.next());
            second.let(1);
        }
    }

    @Test
    void aRequestThatIsGoneGivesUpItsPlaceInTheLine() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture one = direct(limiter);
                SchedulerFixture two = direct(limiter);
                SchedulerFixture three = direct(limiter)) {
            Gated first = new Gated();
            Gated third = new Gated();
            one.add("one_0", limiter.claim(needs(2, 0), 0), first);
            two.add("two_0", limiter.claim(needs(2, 0), 0), new Open());
            three.add("three_0", limiter.claim(ONE_OF_R, 0), third);
            one.submit("a");
            assertEquals(List.of("a"), first.next());
            RecordingSink sink = new RecordingSink();
            ActiveRequest request = two.requests.one("b", sink);
            two.scheduler.submit(request);
            three.submit("c");

            request.cancel();
            assertEquals(List.of("failure CANCELLED"), sink.await().events());
            first.let(1);
            assertEquals(List.of("c"), third.next());
            third.let(1);
        }
    }

    @Test
    void aTimeoutPassesWhileResourcesAreMissing() {
        RateLimiter limiter = new RateLimiter(List.of());
        QueuePolicy policy = new QueuePolicy(TimeoutAction.REJECT, 50, false, 0);
        try (SchedulerFixture one = direct(limiter); SchedulerFixture two = batching(limiter, 0, policy)) {
            Gated first = new Gated();
            one.add("one_0", limiter.claim(ONE_OF_R, 0), first);
            two.add("two_0", limiter.claim(ONE_OF_R, 0), new Open());
            one.submit("a");
            assertEquals(List.of("a"), first.next());
            RecordingSink b = two.submit("b");

            two.time.advanceMicros(50);
            assertEquals("Request timeout expired", b.await().error().getMessage());
            first.let(1);
        }
    }

    @Test
    void theInstanceWithTheFewestChancesOfAModelServesFirst() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture rig = direct(limiter)) {
            Open often = new Open();
            Open seldom = new Open();
            rig.add("often", limiter.claim(new InstanceGroup.RateLimiter(List.of(), 1), 0), often);
            rig.add("seldom", limiter.claim(new InstanceGroup.RateLimiter(List.of(), 3), 0), seldom);
            for (int i = 0; i < 40; i++) {
                rig.submit("r" + i).await();
            }

            assertEquals(30, often.batches().size());
            assertEquals(10, seldom.batches().size());
        }
    }

    @Test
    void anInstanceThatIsTakenOutOfServiceLeavesTheLine() {
        RateLimiter limiter = new RateLimiter(List.of());
        try (SchedulerFixture one = direct(limiter);
                SchedulerFixture two = direct(limiter);
                SchedulerFixture three = direct(limiter)) {
            Gated first = new Gated();
            Gated third = new Gated();
            one.add("one_0", limiter.claim(needs(2, 0), 0), first);
            Instance second = two.add("two_0", limiter.claim(needs(2, 0), 0), new Open());
            three.add("three_0", limiter.claim(ONE_OF_R, 0), third);
            one.submit("a");
            assertEquals(List.of("a"), first.next());
            RecordingSink b = two.submit("b");
            three.submit("c");

            assertTrue(two.scheduler.remove(second));
            second.close();
            first.let(1);
            assertEquals(List.of("c"), third.next());
            third.let(1);
            assertFalse(b.isDone());
        }
    }

    // Threads

    @Test
    void instancesOnOneThreadExecuteOneAtATimeAndInTurn() {
        InstanceThread thread = InstanceThread.start("gpu0", getClass().getClassLoader(), true);
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = batching(null, 0, QueuePolicy.DEFAULT)) {
            Gated first = new Gated(batch -> {
                order.add("first");
                threads.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            });
            Gated second = new Gated(batch -> {
                order.add("second");
                threads.add(Thread.currentThread());
                SchedulerFixture.answerAll(batch);
            });
            rig.add("m_0", thread, null, first);
            rig.add("m_1", thread, null, second);
            thread.release();
            rig.submit("a");
            assertEquals(List.of("a"), first.next());

            rig.submit("b");
            RecordingSink c = rig.submit("c");
            assertEquals(2, rig.scheduler.queueSize(), "the thread is busy, so the batch still grows");
            first.let(1);
            assertEquals(List.of("b", "c"), second.next());
            second.let(1);
            c.await();
            assertEquals(List.of("first", "second"), order);
            assertEquals(1, threads.stream().distinct().count());
        }
    }

    @Test
    void aSharedThreadServesOnWhenOneOfItsInstancesIsRemoved() {
        InstanceThread thread = InstanceThread.start("gpu0", getClass().getClassLoader(), true);
        try (SchedulerFixture rig = batching(null, 0, QueuePolicy.DEFAULT)) {
            Gated first = new Gated();
            Instance instance = rig.add("m_0", thread, null, first);
            rig.add("m_1", thread, null, new Open());
            thread.release();
            rig.submit("a");
            assertEquals(List.of("a"), first.next());
            RecordingSink b = rig.submit("b");

            Thread remover = Thread.ofPlatform().start(() -> assertTrue(rig.scheduler.remove(instance)));
            Waiting.until("the removal waits", () -> remover.getState() == Thread.State.WAITING);
            first.let(1);
            assertEquals(List.of("response"), b.await().events());
            join(remover);
            instance.close();
            assertEquals(List.of("response"), rig.submit("c").await().events());
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static InstanceGroup.RateLimiter needs(int count, int priority) {
        return new InstanceGroup.RateLimiter(List.of(new InstanceGroup.Resource("R", false, count)), priority);
    }

    private static SchedulerFixture direct(RateLimiter limiter) {
        return new SchedulerFixture(new DirectQueue(100), false, limiter);
    }

    private static SchedulerFixture batching(@Nullable RateLimiter limiter, long delayMicros, QueuePolicy policy) {
        DynamicBatching batching = new DynamicBatching(List.of(4), delayMicros, false, 0, 0, policy, Map.of());
        BatchRule rule = BatchRule.of(ModelConfig.builder("m").maxBatchSize(4).build());
        return new SchedulerFixture(new BatchingQueue(batching, 4, rule, 100, null), false, limiter);
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

/** Priorities, queue sizes, timeouts and cancellation. */
class QueuePolicyTest extends BatchingQueueTesting {
    @Test
    void servesLevelOneCompletelyBeforeLevelTwo() {
        BatchingQueue queue = queue(batching(List.of(2), NO_DELAY, 3, 2, QueuePolicy.DEFAULT, Map.of()), 2);
        offer(queue, requests.id("low").priority(3));
        offer(queue, requests.id("mid1").priority(2));
        offer(queue, requests.id("mid2").priority(2));
        offer(queue, requests.id("high").priority(1));

        assertEquals(List.of("high", "mid1"), poll(queue), "a batch may span levels");
        assertEquals(List.of("mid2", "low"), poll(queue));
    }

    @Test
    void aPriorityOfZeroOrBeyondTheLevelsIsTheDefault() {
        BatchingQueue queue = queue(batching(List.of(1), NO_DELAY, 3, 2, QueuePolicy.DEFAULT, Map.of()), 1);
        offer(queue, requests.id("three").priority(3));
        offer(queue, requests.id("zero").priority(0));
        offer(queue, requests.id("beyond").priority(4));
        offer(queue, requests.id("unsigned").priority(-1));
        offer(queue, requests.id("two").priority(2));
        offer(queue, requests.id("one").priority(1));

        List<String> order = new ArrayList<>();
        for (List<String> batch = poll(queue); !batch.isEmpty(); batch = poll(queue)) {
            order.addAll(batch);
        }
        assertEquals(List.of("one", "zero", "beyond", "unsigned", "two", "three"), order);
    }

    @Test
    void anyNumberOfLevelsCostsNothingUntilTheyAreUsed() {
        BatchingQueue queue = queue(batching(List.of(1), NO_DELAY, -1, 2, QueuePolicy.DEFAULT, Map.of()), 1);
        for (long level = 1; level < 100; level++) {
            offer(queue, requests.id("r" + level).priority(-level));
        }
        offer(queue, requests.id("first").priority(1));

        assertEquals(List.of("first"), poll(queue));
        assertEquals(List.of("r99"), poll(queue));
        assertEquals(98, queue.size());
    }

    @Test
    void refusesWhatPassesTheQueueSize() {
        QueuePolicy policy = new QueuePolicy(TimeoutAction.REJECT, 0, false, 2);
        BatchingQueue queue = queue(batching(List.of(4), 100, 0, 0, policy, Map.of()), 4);
        offer(queue, "a", "b");

        InferenceException failure = assertThrows(InferenceException.class, () -> offer(queue, "c"));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("[request id: c] Exceeds maximum queue size", failure.getMessage());
        assertEquals(2, queue.size());
    }

    @Test
    void everyLevelHasAQueueSizeOfItsOwn() {
        QueuePolicy narrow = new QueuePolicy(TimeoutAction.REJECT, 0, false, 1);
        BatchingQueue queue = queue(batching(List.of(4), 100, 2, 1, QueuePolicy.DEFAULT, Map.of(2L, narrow)), 4);
        offer(queue, requests.id("low").priority(2));

        assertThrows(InferenceException.class, () -> offer(queue, requests.id("low2").priority(2)));
        offer(queue, requests.id("high").priority(1));
        offer(queue, requests.id("high2").priority(1));
        assertEquals(3, queue.size());
    }

    @Test
    void theServersBoundHoldsWhereThePolicySetsNone() {
        BatchingQueue queue = new BatchingQueue(batching(100, 4), 4, BatchRule.of(config(4)), 1, null);
        offer(queue, "a");

        assertThrows(InferenceException.class, () -> offer(queue, "b"));
    }

    @Test
    void rejectsRequestsThatWaitedTooLong() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, false);
        offer(queue, "a");
        now += 20 * MICRO;
        offer(queue, "b");

        assertEquals(START + 50 * MICRO, queue.nextEvent(false));
        now = START + 50 * MICRO;
        queue.expire(now, this::drop);

        assertEquals(List.of("a UNAVAILABLE Request timeout expired"), dropped);
        assertEquals(1, queue.size());
        assertEquals(START + 70 * MICRO, queue.nextEvent(false));
    }

    @Test
    void neverExecutesWhatIsExpiredAlready() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, false);
        offer(queue, "a");
        now += 50 * MICRO;
        offer(queue, "b");
        now += 50 * MICRO - 1;

        assertEquals(List.of("b"), flush(queue));
        assertEquals(List.of("a UNAVAILABLE Request timeout expired"), dropped);
    }

    @Test
    void delaysRequestsThatWaitedTooLongBehindAllOthers() {
        BatchingQueue queue = withTimeout(TimeoutAction.DELAY, 50, false);
        offer(queue, "a", "b");
        now += 50 * MICRO;
        offer(queue, "c", "d");

        assertEquals(List.of("c", "d", "a", "b"), flush(queue));
        assertEquals(List.of(), dropped);
    }

    @Test
    void aDelayedRequestIsStillBeforeTheNextLevel() {
        QueuePolicy delay = new QueuePolicy(TimeoutAction.DELAY, 50, false, 0);
        BatchingQueue queue = queue(batching(List.of(4), NO_DELAY, 2, 1, delay, Map.of()), 4);
        offer(queue, requests.id("late").priority(1));
        now += 50 * MICRO;
        offer(queue, requests.id("low").priority(2));
        offer(queue, requests.id("high").priority(1));

        assertEquals(List.of("high", "late", "low"), poll(queue));
    }

    @Test
    void aDelayedRequestDoesNotExpireAgain() {
        BatchingQueue queue = withTimeout(TimeoutAction.DELAY, 50, false);
        offer(queue, "a");
        now += 50 * MICRO;
        queue.expire(now, this::drop);

        assertEquals(RequestQueue.NEVER, queue.nextEvent(false));
        assertEquals(1, queue.size());
    }

    @Test
    void aRequestMayShortenItsTimeoutWhereThePolicyAllowsIt() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, true);
        offer(queue, requests.id("short").timeoutMicros(10));
        offer(queue, requests.id("long").timeoutMicros(1000));
        now += 10 * MICRO;
        queue.expire(now, this::drop);
        assertEquals(List.of("short UNAVAILABLE Request timeout expired"), dropped);

        now = START + 50 * MICRO;
        queue.expire(now, this::drop);
        assertEquals(2, dropped.size(), "a longer timeout is not taken over");
    }

    @Test
    void aRequestWithoutATimeoutHasTheDefaultAlsoWhereItMightSayOtherwise() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, true);
        offer(queue, "a");

        assertEquals(START + 50 * MICRO, queue.nextEvent(false));
    }

    @Test
    void aRequestsTimeoutIsIgnoredWithoutOverride() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, false);
        offer(queue, requests.id("a").timeoutMicros(10));

        assertEquals(START + 50 * MICRO, queue.nextEvent(false));
    }

    @Test
    void aRequestsTimeoutIsIgnoredWhereTheDefaultIsNone() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 0, true);
        offer(queue, requests.id("a").timeoutMicros(10));

        assertEquals(RequestQueue.NEVER, queue.nextEvent(false));
    }

    @Test
    void deadlinesOfRequestsThatLeftAreForgotten() {
        BatchingQueue queue = withTimeout(TimeoutAction.REJECT, 50, false);
        offer(queue, "a", "b");
        assertEquals(List.of("a", "b"), flush(queue));

        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
    }

    @Test
    void cancelledRequestsLeaveWithoutBeingExecuted() {
        BatchingQueue queue = queue(batching(NO_DELAY, 4), 4);
        ActiveRequest gone = requests.id("gone").build();
        offer(queue, "a");
        queue.offer(gone, now, (other, error) -> {
        });
        offer(queue, "b");
        gone.cancel();

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of("gone CANCELLED "), dropped);
        assertEquals(0, queue.size());
    }

    @Test
    void cancelledRequestsLeaveAlsoWhileNoInstanceIsFree() {
        BatchingQueue queue = withTimeout(TimeoutAction.DELAY, 50, false);
        ActiveRequest inTime = requests.id("inTime").build();
        ActiveRequest delayed = requests.id("delayed").build();
        queue.offer(delayed, now, (other, error) -> {
        });
        now += 50 * MICRO;
        queue.offer(inTime, now, (other, error) -> {
        });
        queue.expire(now, this::drop);
        inTime.cancel();
        delayed.cancel();
        queue.expire(now, this::drop);

        assertEquals(List.of("inTime CANCELLED ", "delayed CANCELLED "), dropped);
        assertEquals(0, queue.size());
        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
    }

    @Test
    void drainingReturnsAllLevelsInOrderAndLeavesNothing() {
        QueuePolicy policy = new QueuePolicy(TimeoutAction.REJECT, 50, false, 0);
        BatchingQueue queue = queue(batching(List.of(4), 100, 2, 1, policy, Map.of()), 4);
        offer(queue, requests.id("low").priority(2));
        offer(queue, requests.id("high").priority(1));
        assertEquals(List.of(), poll(queue));

        assertEquals(List.of("high", "low"), queue.drain().stream().map(ActiveRequest::id).toList());
        assertEquals(0, queue.size());
        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
        assertEquals(List.of(), poll(queue));
    }
}

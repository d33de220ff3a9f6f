package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** How large a batch becomes, and how long it waits. */
class BatchSizeTest extends BatchingQueueTesting {
    @Test
    void takesEverythingUpToTheLargestBatchAtOnceWithoutADelay() {
        BatchingQueue queue = queue(batching(NO_DELAY, 4), 4);
        offer(queue, "a", "b", "c", "d", "e");

        assertEquals(List.of("a", "b", "c", "d"), poll(queue));
        assertEquals(List.of("e"), poll(queue));
        assertEquals(List.of(), poll(queue));
        assertEquals(0, queue.size());
    }

    @Test
    void countsRowsAndNotRequests() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8);
        offer(queue, requests.id("a").rows(3));
        offer(queue, requests.id("b").rows(4));
        offer(queue, requests.id("c").rows(2));

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of("c"), poll(queue));
    }

    @Test
    void aRequestWithoutRowsCountsAsOne() {
        BatchingQueue queue = queue(batching(NO_DELAY, 2), 2);
        for (String id : List.of("a", "b", "c")) {
            offer(queue, requests.id(id).rows(0));
        }

        assertEquals(List.of("a", "b"), poll(queue));
    }

    @Test
    void neverOvertakesToFillABatch() {
        BatchingQueue queue = queue(batching(NO_DELAY, 4), 4);
        offer(queue, requests.id("a").rows(3));
        offer(queue, requests.id("b").rows(2));
        offer(queue, requests.id("c").rows(1));

        assertEquals(List.of("a"), poll(queue));
        assertEquals(List.of("b", "c"), poll(queue));
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1})
    void executesOneByOneWhereNothingCanBeMerged(int maxBatchSize) {
        BatchingQueue queue = queue(batching(NO_DELAY), maxBatchSize);
        offer(queue, "a", "b");

        assertEquals(List.of("a"), poll(queue));
        assertEquals(List.of("b"), poll(queue));
    }

    @Test
    void waitsForAFullBatchAtMostForTheDelay() {
        BatchingQueue queue = queue(batching(100, 4), 4);
        offer(queue, "a", "b");

        assertEquals(List.of(), poll(queue));
        assertEquals(START + 100 * MICRO, queue.nextEvent(true));

        now += 99 * MICRO;
        assertEquals(List.of(), poll(queue));
        now += MICRO;
        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
    }

    @Test
    void theOldestRequestDecidesHowLongToWait() {
        BatchingQueue queue = queue(batching(100, 4), 4);
        offer(queue, "a");
        now += 60 * MICRO;
        offer(queue, "b");
        assertEquals(List.of(), poll(queue));

        now += 40 * MICRO;
        assertEquals(List.of("a", "b"), poll(queue));
    }

    @Test
    void sendsAFullBatchAtOnceInSpiteOfTheDelay() {
        BatchingQueue queue = queue(batching(100, 4), 4);
        offer(queue, "a", "b", "c", "d", "e");

        assertEquals(List.of("a", "b", "c", "d"), poll(queue));
        assertEquals(List.of(), poll(queue), "the rest waits for more");
    }

    @Test
    void sendsAtOnceWhatTheNextRequestDoesNotFitInto() {
        BatchingQueue queue = queue(batching(100, 4), 4);
        offer(queue, requests.id("a").rows(3));
        offer(queue, requests.id("b").rows(3));

        assertEquals(List.of("a"), poll(queue));
        assertEquals(List.of(), poll(queue));
        assertEquals(START + 100 * MICRO, queue.nextEvent(true), "b waits for its own delay");
    }

    @Test
    void aPreferredSizeLeavesAtOnce() {
        BatchingQueue queue = queue(batching(100, 2, 4), 8);
        offer(queue, "a");
        assertEquals(List.of(), poll(queue));

        offer(queue, "b");
        assertEquals(List.of("a", "b"), poll(queue));
    }

    @Test
    void theLargestPreferredSizeThatIsReachedWins() {
        BatchingQueue queue = queue(batching(100, 2, 4), 8);
        offer(queue, "a", "b", "c", "d", "e");

        assertEquals(List.of("a", "b", "c", "d"), poll(queue));
    }

    @Test
    void betweenPreferredSizesTheSmallerOneLeaves() {
        BatchingQueue queue = queue(batching(100, 2, 4), 8);
        offer(queue, "a", "b", "c");

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of(), poll(queue));
    }

    @Test
    void stopsBeforeTheLargestPreferredSizeWhereTheNextRequestWouldPassIt() {
        BatchingQueue queue = queue(batching(100, 4), 8);
        offer(queue, requests.id("a").rows(3));
        assertEquals(List.of(), poll(queue));

        offer(queue, requests.id("b").rows(2));
        assertEquals(List.of("a"), poll(queue));
        assertEquals(List.of(), poll(queue));
    }

    @Test
    void takesEverythingThatFitsOnceTheDelayIsOver() {
        BatchingQueue queue = queue(batching(100, 2), 8);
        offer(queue, "a", "b", "c");
        now += 100 * MICRO;

        assertEquals(List.of("a", "b", "c"), poll(queue), "a preferred size only ends the wait early");
    }

    @Test
    void aDelayTooLongForTheClockMeansForEver() {
        BatchingQueue queue = queue(batching(Long.MAX_VALUE, 4), 4);
        offer(queue, "a");

        assertEquals(List.of(), poll(queue));
        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
    }

    @Test
    void aClockBelowZeroChangesNothing() {
        now = Long.MIN_VALUE / 2;
        QueuePolicy policy = new QueuePolicy(TimeoutAction.REJECT, 500, false, 0);
        BatchingQueue queue = queue(batching(List.of(4), 100, 0, 0, policy, Map.of()), 4);
        offer(queue, "a");

        assertEquals(List.of(), poll(queue));
        assertEquals(now + 100 * MICRO, queue.nextEvent(true));
        assertEquals(now + 500 * MICRO, queue.nextEvent(false));
    }

    @Test
    void onceNothingMoreArrivesNothingWaitsForCompany() {
        BatchingQueue queue = queue(batching(1_000_000, 4), 4);
        offer(queue, "a", "b");
        assertEquals(List.of(), poll(queue));

        queue.endArrivals();
        assertEquals(List.of("a", "b"), poll(queue));
    }
}

package dev.nereid.server.scheduler;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.server.memory.BufferPool;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The rules of model-config, 9.2. */
class BatchingQueueTest {
    private static final long NO_DELAY = 0;
    private static final long MICRO = 1000;
    private static final long START = 5_000_000;
    private static final ClassLoader PLUGIN = new ClassLoader() {
    };

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 0);
    private long now = START;
    private final TestRequests requests = new TestRequests(pool, () -> now);
    private final List<String> dropped = new ArrayList<>();

    // Sizes

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

    // Delay and preferred sizes

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

    // What may join

    @Test
    void requestsOfOtherShapesDoNotJoin() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").rows(2).input("INPUT0", 4));
        offer(queue, requests.id("b").rows(1).input("INPUT0", 4));
        offer(queue, requests.id("c").rows(1).input("INPUT0", 5));
        offer(queue, requests.id("d").rows(1).input("INPUT0", 4));

        assertAll(() -> assertEquals(List.of("a", "b"), poll(queue)), () -> assertEquals(List.of("c"), poll(queue)),
                () -> assertEquals(List.of("d"), poll(queue)));
    }

    @Test
    void anotherShapeEndsTheWait() {
        BatchingQueue queue = queue(batching(100, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        assertEquals(List.of(), poll(queue));

        offer(queue, requests.id("b").input("INPUT0", 5));
        assertEquals(List.of("a"), poll(queue));
    }

    @Test
    void anotherRankDoesNotJoin() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 4, 1));

        assertEquals(List.of("a"), poll(queue));
    }

    @Test
    void requestsOfOtherShapesJoinWhereTheInputIsRagged() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", true, false, Dims.ANY));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 5));

        assertEquals(List.of("a", "b"), poll(queue));
    }

    @Test
    void requestsWithOtherInputsDoNotJoinWhereSomeAreOptional() {
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, 4),
                input("INPUT1", false, true, 4), input("INPUT2", false, true, 4));
        offer(queue, requests.id("a").input("INPUT0", 4));
        offer(queue, requests.id("b").input("INPUT0", 4));
        offer(queue, requests.id("c").input("INPUT0", 4).input("INPUT1", 4));
        offer(queue, requests.id("d").input("INPUT0", 4).input("INPUT2", 4));

        assertAll(() -> assertEquals(List.of("a", "b"), poll(queue)), () -> assertEquals(List.of("c"), poll(queue)),
                () -> assertEquals(List.of("d"), poll(queue)));
    }

    @Test
    void shapeTensorsMustHaveEqualContent() {
        ModelInput shapeTensor = new ModelInput("SHAPE", Optional.of(DataType.UINT8), ModelInput.Format.NONE,
                Dims.of(2), Optional.empty(), true, false, false, false);
        BatchingQueue queue = queue(batching(NO_DELAY, 8), 8, input("INPUT0", false, false, 4), shapeTensor);
        offer(queue, requests.id("a").input("INPUT0", 4).content("SHAPE", (byte) 1, (byte) 2));
        offer(queue, requests.id("b").input("INPUT0", 4).content("SHAPE", (byte) 1, (byte) 2));
        offer(queue, requests.id("c").input("INPUT0", 4).content("SHAPE", (byte) 2, (byte) 2));

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of("c"), poll(queue));
    }

    // Priorities

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

    // Queue policies

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

    // Cancellation and the end

    @Test
    void cancelledRequestsLeaveWithoutBeingExecuted() {
        BatchingQueue queue = queue(batching(NO_DELAY, 4), 4);
        EngineRequest gone = requests.id("gone").build();
        offer(queue, "a");
        queue.offer(gone, now);
        offer(queue, "b");
        gone.cancel();

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of("gone CANCELLED "), dropped);
        assertEquals(0, queue.size());
    }

    @Test
    void cancelledRequestsLeaveAlsoWhileNoInstanceIsFree() {
        BatchingQueue queue = withTimeout(TimeoutAction.DELAY, 50, false);
        EngineRequest inTime = requests.id("inTime").build();
        EngineRequest delayed = requests.id("delayed").build();
        queue.offer(delayed, now);
        now += 50 * MICRO;
        queue.offer(inTime, now);
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

        assertEquals(List.of("high", "low"), queue.drain().stream().map(EngineRequest::id).toList());
        assertEquals(0, queue.size());
        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
        assertEquals(List.of(), poll(queue));
    }

    // A backend's own rule

    @Test
    void aStrategyEndsABatchBeforeTheRequestThatMayNotJoin() {
        Letters strategy = new Letters();
        BatchingQueue queue = queue(batching(1_000_000, 8), 8, strategy);
        offer(queue, "a1", "a2");
        assertEquals(List.of(), poll(queue), "waits for company");
        offer(queue, "b1", "b2", "a3");

        assertEquals(List.of("a1", "a2"), poll(queue));
        assertEquals(List.of("b1", "b2"), poll(queue));
        assertEquals(List.of("a3"), flush(queue));
        assertEquals(0, strategy.open);
    }

    @Test
    void aStrategyIsNotAskedForWhatDoesNotFitAnyway() {
        Letters strategy = new Letters();
        BatchingQueue queue = queue(batching(NO_DELAY, 2), 2, strategy);
        offer(queue, "a1", "a2", "a3");

        assertEquals(List.of("a1", "a2"), poll(queue));
        assertEquals(List.of("a1", "a2"), strategy.asked);
    }

    @Test
    void aStrategyThatFailsLeavesRequestsAlone() {
        for (BatchingStrategy strategy : List.<BatchingStrategy>of(() -> {
            throw new IllegalStateException("begin");
        }, () -> request -> {
            throw new IllegalStateException("include");
        })) {
            BatchingQueue queue = queue(batching(NO_DELAY, 4), 4, strategy);
            offer(queue, "a", "b");

            assertEquals(List.of("a"), poll(queue));
            assertEquals(List.of("b"), poll(queue));
        }
    }

    @Test
    void aStrategySeesTheClassLoaderOfItsPlugin() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        List<ClassLoader> seen = new ArrayList<>();
        BatchingQueue queue = queue(batching(NO_DELAY, 4), 4, (BatchingStrategy) () -> request -> seen
                .add(Thread.currentThread().getContextClassLoader()));
        offer(queue, "a", "b");

        assertEquals(List.of("a", "b"), poll(queue));
        assertEquals(List.of(PLUGIN, PLUGIN), seen);
        assertEquals(before, Thread.currentThread().getContextClassLoader());
    }

    /** Lets requests whose ids begin with the same letter share a batch. */
    private static final class Letters implements BatchingStrategy {
        private final List<String> asked = new ArrayList<>();
        private int open;

        @Override
        public BatchBuilder begin() {
            open++;
            return new BatchBuilder() {
                private String letter = "";

                @Override
                public boolean include(InferenceRequest request) {
                    asked.add(request.id());
                    String own = request.id().substring(0, 1);
                    letter = letter.isEmpty() ? own : letter;
                    return letter.equals(own);
                }

                @Override
                public void close() {
                    open--;
                }
            };
        }
    }

    private static BatchingQueue queue(DynamicBatching batching, int maxBatchSize, BatchingStrategy strategy) {
        return new BatchingQueue(batching, maxBatchSize, BatchRule.of(config(maxBatchSize)), 1000,
                new CustomBatching("m", strategy, PLUGIN));
    }

    private BatchingQueue withTimeout(TimeoutAction action, long timeoutMicros, boolean allowsOverride) {
        QueuePolicy policy = new QueuePolicy(action, timeoutMicros, allowsOverride, 0);
        return queue(batching(List.of(4), 1_000_000, 0, 0, policy, Map.of()), 4);
    }

    private static DynamicBatching batching(long delayMicros, Integer... preferred) {
        return batching(List.of(preferred), delayMicros, 0, 0, QueuePolicy.DEFAULT, Map.of());
    }

    private static DynamicBatching batching(List<Integer> preferred, long delayMicros, long levels, long defaultLevel,
            QueuePolicy policy, Map<Long, QueuePolicy> byLevel) {
        return new DynamicBatching(preferred, delayMicros, false, levels, defaultLevel, policy, byLevel);
    }

    private static BatchingQueue queue(DynamicBatching batching, int maxBatchSize, ModelInput... inputs) {
        return new BatchingQueue(batching, maxBatchSize, BatchRule.of(config(maxBatchSize, inputs)), 1000, null);
    }

    private static ModelConfig config(int maxBatchSize, ModelInput... inputs) {
        return ModelConfig.builder("m").maxBatchSize(maxBatchSize).inputs(List.of(inputs)).build();
    }

    private static ModelInput input(String name, boolean isRagged, boolean isOptional, long... dims) {
        return new ModelInput(name, Optional.of(DataType.UINT8), ModelInput.Format.NONE, Dims.of(dims),
                Optional.empty(), false, isRagged, isOptional, false);
    }

    private void offer(BatchingQueue queue, String... ids) {
        for (String id : ids) {
            offer(queue, requests.id(id));
        }
    }

    private void offer(BatchingQueue queue, TestRequests.Builder builder) {
        EngineRequest request = builder.build();
        request.queuedAt(now);
        queue.offer(request, now);
    }

    private List<String> poll(BatchingQueue queue) {
        return queue.poll(now, this::drop).stream().map(EngineRequest::id).toList();
    }

    /** Polls without waiting for company. */
    private List<String> flush(BatchingQueue queue) {
        queue.endArrivals();
        return poll(queue);
    }

    private void drop(EngineRequest request, InferenceException error) {
        dropped.add(request.id() + " " + error.code() + " " + error.getMessage());
    }
}

package dev.nereid.engine.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.StatusCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The counting rules of metrics-and-statistics, 1 and 2. */
class ModelStatisticsTest {
    private static final BatchTimes TIMES = new BatchTimes(1_000, 3_500, 10_000, 10_999);

    private final ModelStatistics statistics = new ModelStatistics();

    @Test
    void everythingStartsAtZero() {
        assertEquals(0, statistics.success().count());
        assertEquals(0, statistics.inferenceCount());
        assertEquals(0, statistics.executionCount());
        assertEquals(0, statistics.lastInferenceMillis());
        assertEquals(0, statistics.pendingCount());
        assertEquals(0, statistics.batches().size());
        for (FailureReason reason : FailureReason.values()) {
            assertEquals(0, statistics.failures(reason).count(), reason.name());
        }
    }

    @Test
    void theMomentsOfABatchDivideItsTime() {
        assertEquals(2_500, TIMES.inputNanos());
        assertEquals(6_500, TIMES.inferNanos());
        assertEquals(999, TIMES.outputNanos());
    }

    @Test
    void aSuccessCountsOnceInEveryDurationAndItsRowsAsInferences() {
        statistics.recordSuccess(3, 12_000, 700, TIMES);
        statistics.recordSuccess(1, 13_000, 800, TIMES);

        assertEquals(2, statistics.success().count());
        assertEquals(25_000, statistics.success().nanos());
        assertEquals(2, statistics.queue().count());
        assertEquals(1_500, statistics.queue().nanos());
        assertEquals(2, statistics.computeInput().count());
        assertEquals(5_000, statistics.computeInput().nanos());
        assertEquals(13_000, statistics.computeInfer().nanos());
        assertEquals(1_998, statistics.computeOutput().nanos());
        assertEquals(4, statistics.inferenceCount());
        assertEquals(0, statistics.executionCount(), "executions are counted by the batch");
    }

    @Test
    void aCacheHitIsASuccessThatDidNotWaitAndWasNotExecuted() {
        statistics.recordCacheHit(9_000, 400);

        assertEquals(1, statistics.success().count());
        assertEquals(9_000, statistics.success().nanos());
        assertEquals(1, statistics.queue().count());
        assertEquals(0, statistics.queue().nanos());
        assertEquals(400, statistics.cacheHit().nanos());
        assertEquals(0, statistics.computeInfer().count());
        assertEquals(0, statistics.inferenceCount());
    }

    @Test
    void responsesBeyondTheTenThousandthCountAsOne() {
        for (int index : new int[]{0, 9_999, 10_000, 10_001, 50_000}) {
            statistics.recordResponse(index, 5, 3);
        }

        assertEquals(List.of(0, 9_999, 10_000), List.copyOf(statistics.responses().keySet()));
    }

    @Test
    void theOnlyResponseIsThereWhenItsBatchIsDoneAndTheFirstOfManyWhenItWasSent() {
        statistics.record(record(1, 3_000), 12_000, TIMES);
        assertEquals(11_000, firstResponseNanos());

        statistics.record(record(2, 3_000), 12_000, TIMES);
        assertEquals(11_000 + 2_000, firstResponseNanos());
    }

    private long firstResponseNanos() {
        return Math.round(statistics.histogram(LatencyHistogram.FIRST_RESPONSE).sum() * 1_000_000);
    }

    private static RequestRecord record(int responses, long firstResponse) {
        return new RequestRecord() {
            @Override
            public int batchSize() {
                return 1;
            }

            @Override
            public long startNanos() {
                return 1_000;
            }

            @Override
            public long queuedNanos() {
                return 1_000;
            }

            @Override
            public long firstResponseNanos() {
                return firstResponse;
            }

            @Override
            public int responseCount() {
                return responses;
            }

            @Override
            public @Nullable FailureReason failure() {
                return null;
            }
        };
    }

    @Test
    void aRequestWithoutRowsIsOneInference() {
        statistics.recordSuccess(0, 1, 1, TIMES);

        assertEquals(1, statistics.inferenceCount());
    }

    @Test
    void aFailureCountsUnderItsReasonAndNowhereElse() {
        statistics.recordFailure(FailureReason.REJECTED, 500);
        statistics.recordFailure(FailureReason.REJECTED, 700);
        statistics.recordFailure(FailureReason.BACKEND, 1);

        assertEquals(2, statistics.failures(FailureReason.REJECTED).count());
        assertEquals(1_200, statistics.failures(FailureReason.REJECTED).nanos());
        assertEquals(1, statistics.failures(FailureReason.BACKEND).count());
        assertEquals(0, statistics.success().count());
        assertEquals(0, statistics.queue().count());
        assertEquals(0, statistics.inferenceCount());
    }

    @Test
    void executionsAreCountedByBatchSizeInAscendingOrder() {
        statistics.recordBatch(8, TIMES, 1_700_000_000_001L);
        statistics.recordBatch(1, TIMES, 1_700_000_000_002L);
        statistics.recordBatch(8, TIMES, 1_700_000_000_003L);

        assertEquals(3, statistics.executionCount());
        assertEquals(1_700_000_000_003L, statistics.lastInferenceMillis());
        assertEquals(List.of(1, 8), List.copyOf(statistics.batches().keySet()));
        assertEquals(2, batch(8).infer().count());
        assertEquals(13_000, batch(8).infer().nanos());
        assertEquals(5_000, batch(8).input().nanos());
        assertEquals(999, batch(1).output().nanos());
    }

    @Test
    void microsecondsAreTruncatedForEachRequestBeforeTheyAreAdded() {
        DurationCounter counter = new DurationCounter();
        counter.add(1_999);
        counter.add(1_999);

        assertEquals(2, counter.micros());
        assertEquals(3_998, counter.nanos());
        assertEquals(2, counter.count());
    }

    @Test
    void anErrorOfAnExecutionIsTheBackendsUnlessTheClientGaveUp() {
        assertEquals(FailureReason.CANCELED, FailureReason.ofExecution(StatusCode.CANCELLED));
        assertEquals(FailureReason.BACKEND, FailureReason.ofExecution(StatusCode.INVALID_ARG));
        assertEquals(FailureReason.BACKEND, FailureReason.ofExecution(StatusCode.UNAVAILABLE));
    }

    @Test
    void threadsCountTogether() throws InterruptedException, ExecutionException {
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            List<Future<?>> all = new ArrayList<>();
            for (int t = 0; t < 8; t++) {
                all.add(threads.submit(() -> {
                    for (int i = 0; i < 1_000; i++) {
                        statistics.addPending(1);
                        statistics.recordSuccess(2, 1_000, 10, TIMES);
                        statistics.recordBatch(i % 4 + 1, TIMES, i);
                        statistics.addPending(-1);
                    }
                }));
            }
            for (Future<?> each : all) {
                each.get();
            }
        }

        assertEquals(8_000, statistics.success().count());
        assertEquals(16_000, statistics.inferenceCount());
        assertEquals(8_000, statistics.executionCount());
        assertEquals(0, statistics.pendingCount());
        assertEquals(List.of(2_000L, 2_000L, 2_000L, 2_000L),
                statistics.batches().values().stream().map(batch -> batch.infer().count()).toList());
    }

    private ModelStatistics.BatchCounter batch(int rows) {
        return Objects.requireNonNull(statistics.batches().get(rows));
    }
}

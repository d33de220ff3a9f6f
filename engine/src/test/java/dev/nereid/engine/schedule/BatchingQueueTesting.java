package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;

/** What tests of the dynamic batcher have in common: a clock that is set by hand, requests, and queues. */
abstract class BatchingQueueTesting {
    /** The instance that is free; which one does not matter. */
    static final Instance NOBODY = IdleModel.instance();
    static final long NO_DELAY = 0;
    static final long MICRO = 1000;
    static final long START = 5_000_000;

    @AutoClose
    final BufferPool pool = new BufferPool(1 << 20, 0);
    long now = START;
    final TestRequests requests = new TestRequests(pool, () -> now);
    final List<String> dropped = new ArrayList<>();

    BatchingQueue withTimeout(TimeoutAction action, long timeoutMicros, boolean allowsOverride) {
        QueuePolicy policy = new QueuePolicy(action, timeoutMicros, allowsOverride, 0);
        return queue(batching(List.of(4), 1_000_000, 0, 0, policy, Map.of()), 4);
    }

    static DynamicBatching batching(long delayMicros, Integer... preferred) {
        return batching(List.of(preferred), delayMicros, 0, 0, QueuePolicy.DEFAULT, Map.of());
    }

    static DynamicBatching batching(List<Integer> preferred, long delayMicros, long levels, long defaultLevel,
            QueuePolicy policy, Map<Long, QueuePolicy> byLevel) {
        return new DynamicBatching(preferred, delayMicros, false, levels, defaultLevel, policy, byLevel);
    }

    static BatchingQueue queue(DynamicBatching batching, int maxBatchSize, ModelInput... inputs) {
        return new BatchingQueue(batching, maxBatchSize, BatchRule.of(config(maxBatchSize, inputs)), 1000, null);
    }

    static ModelConfig config(int maxBatchSize, ModelInput... inputs) {
        return ModelConfig.builder("m").maxBatchSize(maxBatchSize).inputs(List.of(inputs)).build();
    }

    static ModelInput input(String name, boolean isRagged, boolean isOptional, long... dims) {
        return new ModelInput(name, Optional.of(DataType.UINT8), ModelInput.Format.NONE, Dims.of(dims),
                Optional.empty(), false, isRagged, isOptional, false);
    }

    void offer(BatchingQueue queue, String... ids) {
        for (String id : ids) {
            offer(queue, requests.id(id));
        }
    }

    void offer(BatchingQueue queue, TestRequests.Builder builder) {
        ActiveRequest request = builder.build();
        request.queuedAt(now);
        queue.offer(request, now, (other, error) -> {
        });
    }

    List<String> poll(BatchingQueue queue) {
        return queue.poll(NOBODY, now, this::drop).stream().map(ActiveRequest::id).toList();
    }

    /** Polls without waiting for company. */
    List<String> flush(BatchingQueue queue) {
        queue.endArrivals();
        return poll(queue);
    }

    void drop(ActiveRequest request, InferenceException error) {
        dropped.add(request.id() + " " + error.code() + " " + error.getMessage());
    }
}

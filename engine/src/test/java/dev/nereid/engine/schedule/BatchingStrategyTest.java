package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Batches that a backend's own strategy has a say in. */
class BatchingStrategyTest extends BatchingQueueTesting {
    private static final ClassLoader PLUGIN = new ClassLoader() {
    };

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

    private static BatchingQueue queue(DynamicBatching batching, int maxBatchSize, BatchingStrategy strategy) {
        return new BatchingQueue(batching, maxBatchSize, BatchRule.of(config(maxBatchSize)), 1000,
                new CustomBatching("m", strategy, PLUGIN));
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
}

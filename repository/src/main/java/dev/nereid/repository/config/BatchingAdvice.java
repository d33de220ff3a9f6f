package dev.nereid.repository.config;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/**
 * Finds settings of the dynamic batcher that are valid, but make requests wait for nothing, be refused, or mean nothing
 * at all.
 */
public final class BatchingAdvice {
    /** From here on a delay is long where nobody knows how long an execution takes. */
    private static final long LONG_MICROS = 100_000;
    /** From here on a delay is long whatever the model. */
    private static final long VERY_LONG_MICROS = 1_000_000;

    private BatchingAdvice() {
    }

    /**
     * Returns a sentence for each setting that does harm.
     *
     * @param config complete, with defaults filled in
     * @param execution how long an execution takes; empty where it is not known
     */
    public static List<String> of(ModelConfig config, Optional<Duration> execution) {
        if (!(config.scheduling() instanceof DynamicBatching batching)) {
            return List.of();
        }
        List<String> advice = new ArrayList<>();
        if (config.maxBatchSize() <= 1) {
            if (batching.maxQueueDelayMicros() > 0) {
                advice.add(
                        "max_queue_delay_microseconds has no effect: with a max_batch_size of " + config.maxBatchSize()
                                + " requests are executed one by one");
            }
        } else {
            delay(batching, config.maxBatchSize(), execution).ifPresent(advice::add);
        }
        policies(batching).forEach((where, policy) -> {
            if (policy.allowTimeoutOverride() && policy.defaultTimeoutMicros() == 0) {
                advice.add(where + ": allow_timeout_override has no effect: a request can only shorten "
                        + "default_timeout_microseconds, which is 0");
            }
            if (config.maxBatchSize() > 1) {
                queue(where, policy, batching, config.maxBatchSize()).ifPresent(advice::add);
            }
        });
        return advice;
    }

    private static Optional<String> delay(DynamicBatching batching, int maxBatchSize, Optional<Duration> execution) {
        long delay = batching.maxQueueDelayMicros();
        boolean hasPreferred = batching.preferredBatchSizes().stream().anyMatch(size -> size != maxBatchSize);
        long limit = hasPreferred
                ? execution.map(time -> TimeUnit.NANOSECONDS.toMicros(time.toNanos())).orElse(LONG_MICROS)
                : VERY_LONG_MICROS;
        if (delay == 0 || delay < limit) {
            return Optional.empty();
        }
        String wait = "max_queue_delay_microseconds is " + delay + ": "
                + (hasPreferred
                        ? "a batch that reaches no preferred size waits that long"
                        : "a batch that is not full waits that long");
        return Optional.of(wait + execution.map(time -> ", an execution takes "
                + TimeUnit.NANOSECONDS.toMicros(time.toNanos()) + " microseconds").orElse(""));
    }

    private static Optional<String> queue(String where, QueuePolicy policy, DynamicBatching batching,
            int maxBatchSize) {
        long timeout = policy.defaultTimeoutMicros();
        long delay = batching.maxQueueDelayMicros();
        if (delay > 0 && timeout > 0 && timeout <= delay && policy.timeoutAction() == TimeoutAction.REJECT) {
            return Optional.of(where + ": default_timeout_microseconds of " + timeout
                    + " is over before max_queue_delay_microseconds of " + delay
                    + ": requests are rejected while their batch waits for company");
        }
        int wanted = batching.preferredBatchSizes().stream().mapToInt(Integer::intValue).max().orElse(maxBatchSize);
        if (delay > 0 && policy.maxQueueSize() > 0 && policy.maxQueueSize() < wanted) {
            return Optional.of(where + ": max_queue_size of " + policy.maxQueueSize()
                    + " keeps requests of one row from ever filling a batch of " + wanted
                    + ", which waits for max_queue_delay_microseconds each time");
        }
        return Optional.empty();
    }

    private static Map<String, QueuePolicy> policies(DynamicBatching batching) {
        Map<String, QueuePolicy> all = new TreeMap<>();
        all.put("default_queue_policy", batching.defaultQueuePolicy());
        batching.priorityQueuePolicies().forEach(
                (level, policy) -> all.put("priority_queue_policy " + Long.toUnsignedString(level), policy));
        return all;
    }
}

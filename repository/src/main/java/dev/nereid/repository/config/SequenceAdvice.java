package dev.nereid.repository.config;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy.DirectSlots;
import dev.nereid.backend.api.config.Scheduling.Strategy.Oldest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Finds settings of sequence batching that are valid, but lose sequences, hide something from the model, or mean nothing. */
public final class SequenceAdvice {
    private SequenceAdvice() {
    }

    /**
     * Returns a sentence for each setting that does harm.
     *
     * @param config complete, with defaults filled in
     * @param execution how long an execution takes; empty where it is not known
     */
    public static List<String> of(ModelConfig config, Optional<Duration> execution) {
        if (!(config.scheduling() instanceof SequenceBatching batching)) {
            return List.of();
        }
        List<String> advice = new ArrayList<>();
        long idle = batching.maxSequenceIdleMicros();
        execution.map(time -> TimeUnit.NANOSECONDS.toMicros(time.toNanos()))
                .filter(micros -> Long.compareUnsigned(idle, micros) <= 0)
                .ifPresent(micros -> advice.add("max_sequence_idle_microseconds is " + Long.toUnsignedString(idle)
                        + ", but an execution takes " + micros
                        + " microseconds: a sequence whose client waits for each answer"
                        + " ends before its second request"));
        switch (batching.strategy()) {
            case DirectSlots direct -> direct(config, batching, direct, advice);
            case Oldest oldest -> oldest(config, oldest, advice);
        }
        return advice;
    }

    private static void direct(ModelConfig config, SequenceBatching batching, DirectSlots direct, List<String> advice) {
        boolean hasReady = batching.controlInputs().stream().flatMap(input -> input.controls().stream())
                .anyMatch(control -> control.kind() == ControlKind.READY);
        if (config.maxBatchSize() > 1 && !hasReady) {
            advice.add(
                    "there is no control input of kind CONTROL_SEQUENCE_READY: with the direct strategy and a max_batch_size"
                            + " of " + config.maxBatchSize()
                            + " rows without a request are executed, too, and the model can't tell them"
                            + " from requests; add the input, or use the oldest strategy, which has no such rows");
        }
        if (config.maxBatchSize() <= 1 && direct.maxQueueDelayMicros() != 0) {
            advice.add("max_queue_delay_microseconds has no effect: with a max_batch_size of " + config.maxBatchSize()
                    + " requests are executed one by one");
        } else if (direct.maxQueueDelayMicros() != 0 && direct.minimumSlotUtilization() == 0) {
            advice.add(
                    "max_queue_delay_microseconds has no effect: a minimum_slot_utilization of 0 is reached by one request");
        } else if (direct.maxQueueDelayMicros() == 0 && direct.minimumSlotUtilization() > 0) {
            advice.add(
                    "minimum_slot_utilization has no effect: max_queue_delay_microseconds is 0, no request waits for it");
        }
    }

    private static void oldest(ModelConfig config, Oldest oldest, List<String> advice) {
        int candidates = oldest.maxCandidateSequences();
        if (candidates > 0 && candidates < config.maxBatchSize()) {
            advice.add("max_candidate_sequences is " + candidates
                    + ", so that a batch never has more requests; max_batch_size"
                    + " allows " + config.maxBatchSize());
        }
        if (config.maxBatchSize() <= 1 && oldest.maxQueueDelayMicros() != 0) {
            advice.add("max_queue_delay_microseconds has no effect: with a max_batch_size of " + config.maxBatchSize()
                    + " requests are executed one by one");
        }
    }
}

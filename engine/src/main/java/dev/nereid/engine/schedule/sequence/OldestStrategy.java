package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.config.Scheduling.Strategy.Oldest;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Objects;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Each sequence offers its next request to a dynamic batcher of the instance (scheduling, 1.8): first come, first served,
 * with preferred sizes and a delay.
 */
final class OldestStrategy implements SequenceStrategy {
    private final int maxBatchSize;
    private final int slots;
    private final BitSet preferred = new BitSet();
    private final int largestPreferred;
    private final long delayNanos;
    private final BiPredicate<Sequence, Sequence> mayJoin;

    /**
     * Creates the strategy.
     *
     * @param mayJoin whether the next requests of two sequences may be executed together
     */
    OldestStrategy(Oldest settings, int maxBatchSize, BiPredicate<Sequence, Sequence> mayJoin) {
        this.maxBatchSize = Math.max(1, maxBatchSize);
        this.slots = settings.maxCandidateSequences() > 0 ? settings.maxCandidateSequences() : this.maxBatchSize;
        settings.preferredBatchSizes().forEach(preferred::set);
        this.largestPreferred = settings.preferredBatchSizes().stream().mapToInt(Integer::intValue).max()
                .orElse(this.maxBatchSize);
        this.delayNanos = Times.nanos(settings.maxQueueDelayMicros());
        this.mayJoin = mayJoin;
    }

    @Override
    public int slotsPerInstance() {
        return slots;
    }

    @Override
    public boolean delays() {
        return delayNanos != 0;
    }

    @Override
    public void ready(InstanceSlots instance, Sequence sequence) {
        instance.candidates.addLast(sequence);
    }

    @Override
    public BatchPlan plan(InstanceSlots instance, long now, Fronts fronts) {
        dropCancelled(instance, fronts);
        List<@Nullable Sequence> planned = new ArrayList<>(Math.min(maxBatchSize, instance.candidates.size()));
        int best = 0;
        boolean isClosed = false;
        long oldest = Sequence.NEVER;
        Sequence first = null;
        for (Sequence sequence : instance.candidates) {
            ActiveRequest next = Objects.requireNonNull(sequence.next());
            if (first == null) {
                first = sequence;
            } else if (!mayJoin.test(first, sequence)) {
                isClosed = true;
                break;
            } else if (planned.size() + 1 > largestPreferred && best == 0) {
                best = planned.size();
            }
            planned.add(sequence);
            oldest = Math.min(oldest, next.queuedNanos());
            if (preferred.get(planned.size())) {
                best = planned.size();
            }
            if (planned.size() >= maxBatchSize) {
                isClosed = true;
                break;
            }
        }
        if (planned.isEmpty()) {
            return BatchPlan.NOTHING;
        }
        boolean isOverdue = delayNanos != 0 && now - oldest >= delayNanos;
        if (best > 0 && !isOverdue) {
            return new BatchPlan(planned.subList(0, best), Sequence.NEVER);
        }
        return isClosed || planned.size() >= largestPreferred || isOverdue || delayNanos == 0
                ? new BatchPlan(planned, Sequence.NEVER)
                : BatchPlan.at(Times.later(oldest, delayNanos));
    }

    private static void dropCancelled(InstanceSlots instance, Fronts fronts) {
        List<Sequence> cancelled = List.of();
        for (Sequence sequence : instance.candidates) {
            ActiveRequest next = sequence.next();
            if (next != null && next.isCancelled()) {
                cancelled = cancelled.isEmpty() ? new ArrayList<>() : cancelled;
                cancelled.add(sequence);
            }
        }
        // Dropping them changes the candidates.
        cancelled.forEach(fronts::dropNext);
    }

    @Override
    public void taken(InstanceSlots instance, BatchPlan plan) {
        // Plans take them from the front, in order.
        for (int i = 0; i < plan.rows().size(); i++) {
            instance.candidates.removeFirst();
        }
    }
}

package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.config.Scheduling.Strategy.DirectSlots;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/** A slot is a row of the batch; rows without a request are gaps (scheduling, 1.5). */
final class DirectSlotStrategy implements SequenceStrategy {
    private final int rows;
    private final long delayNanos;
    private final float utilization;
    private final BiPredicate<Sequence, Sequence> mayJoin;

    /**
     * Creates the strategy.
     *
     * @param mayJoin whether the next requests of two sequences may be executed together
     */
    DirectSlotStrategy(DirectSlots settings, int maxBatchSize, BiPredicate<Sequence, Sequence> mayJoin) {
        this.rows = Math.max(1, maxBatchSize);
        this.delayNanos = Times.nanos(settings.maxQueueDelayMicros());
        this.utilization = settings.minimumSlotUtilization();
        this.mayJoin = mayJoin;
    }

    @Override
    public int slotsPerInstance() {
        return rows;
    }

    @Override
    public boolean delays() {
        return delayNanos != 0;
    }

    @Override
    public void ready(InstanceSlots slots, Sequence sequence) {
        // Rows are looked through when a batch is formed.
    }

    @Override
    public BatchPlan plan(InstanceSlots slots, long now, Fronts fronts) {
        List<@Nullable Sequence> planned = new ArrayList<>(rows);
        Sequence first = null;
        int ready = 0;
        int last = -1;
        long oldest = Sequence.NEVER;
        // There is nothing to find behind the last of those that are offered.
        for (int i = 0; i < rows && ready < slots.offered; i++) {
            Sequence sequence = fronts.inSlot(slots.slots().get(i));
            if (sequence != null) {
                ActiveRequest next = Objects.requireNonNull(sequence.next());
                ready++;
                last = i;
                oldest = Math.min(oldest, next.queuedNanos());
                if (first == null) {
                    first = sequence;
                } else if (!mayJoin.test(first, sequence)) {
                    // Its place is a gap now; it comes first when the others have none.
                    sequence = null;
                }
            }
            planned.add(sequence);
        }
        if (first == null) {
            return BatchPlan.NOTHING;
        }
        boolean isWorthIt = delayNanos == 0 || utilization == 0 || ready >= utilization * rows
                || now - oldest >= delayNanos;
        return isWorthIt
                ? new BatchPlan(planned.subList(0, last + 1), Sequence.NEVER)
                : BatchPlan.at(Times.later(oldest, delayNanos));
    }

    @Override
    public void taken(InstanceSlots slots, BatchPlan plan) {
    }
}

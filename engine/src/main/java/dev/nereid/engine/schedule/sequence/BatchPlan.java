package dev.nereid.engine.schedule.sequence;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an instance is to execute next.
 *
 * @param rows the sequences whose next request goes into each row; null for a gap
 * @param wakeAt where there are no rows, when to look again; {@link Sequence#NEVER} for not before something happens
 */
record BatchPlan(List<@Nullable Sequence> rows, long wakeAt) {
    static final BatchPlan NOTHING = new BatchPlan(List.of(), Sequence.NEVER);

    static BatchPlan at(long nanos) {
        return new BatchPlan(List.of(), nanos);
    }
}

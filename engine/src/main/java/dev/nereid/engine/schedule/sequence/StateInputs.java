package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.repository.config.InitialStates;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The states of a model: what sequences start with, and which output follows which input. Immutable. */
final class StateInputs {
    private final List<Entry> entries = new ArrayList<>();

    /**
     * A state.
     *
     * @param start what a sequence starts with; shared by all sequences
     * @param outputName the output that replaces it
     * @param keepsShape whether type and shape stay as they are
     */
    record Entry(Tensor start, String outputName, boolean keepsShape) {
    }

    StateInputs(List<InitialStates.Start> starts, boolean isBatching) {
        for (InitialStates.Start start : starts) {
            MemorySegment data = Arena.ofAuto().allocate(Math.max(1, start.data().byteSize()), Long.BYTES)
                    .asSlice(0, start.data().byteSize()).copyFrom(start.data());
            entries.add(new Entry(new Tensor(start.inputName(), start.dataType(),
                    isBatching ? start.shape().prepend(1) : start.shape(), data.asReadOnly()), start.outputName(),
                    start.keepsShape()));
        }
    }

    List<Entry> entries() {
        return entries;
    }

    boolean isEmpty() {
        return entries.isEmpty();
    }

    /** Returns the position of the state that an output replaces; -1 for none. */
    int indexOf(String output) {
        for (int i = 0; i < entries.size(); i++) {
            if (entries.get(i).outputName().equals(output)) {
                return i;
            }
        }
        return -1;
    }
}

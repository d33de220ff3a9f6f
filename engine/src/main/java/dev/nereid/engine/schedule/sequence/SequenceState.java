package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.StateSink;
import java.util.ArrayList;
import java.util.List;

/**
 * The states of one sequence (scheduling, 1.9). Owns the memory of what the model has answered. Threads: the one that
 * executes the sequence's request stores, the scheduler reads between two executions.
 */
final class SequenceState implements StateSink, AutoCloseable {
    private final StateInputs declared;
    private final Tensor[] values;
    private final Runnable[] releases;
    /** Memory that the request which is being executed may still read. */
    private final List<Runnable> replaced = new ArrayList<>(2);
    private boolean isClosed;

    SequenceState(StateInputs declared) {
        this.declared = declared;
        this.values = new Tensor[declared.entries().size()];
        this.releases = new Runnable[values.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = declared.entries().get(i).start();
            releases[i] = SequenceState::nothing;
        }
    }

    /** Releases what a sequence starts with, which all sequences share. */
    private static void nothing() {
        // It stays.
    }

    /** Goes back to what a sequence starts with. While no request of the sequence is executed. */
    synchronized void reset() {
        for (int i = 0; i < values.length; i++) {
            replace(i, declared.entries().get(i).start(), SequenceState::nothing);
        }
        executed();
    }

    private void replace(int index, Tensor value, Runnable release) {
        replaced.add(releases[index]);
        values[index] = value;
        releases[index] = release;
    }

    /** Gives back what the request has read that was executed. */
    synchronized void executed() {
        replaced.forEach(Runnable::run);
        replaced.clear();
    }

    /** Adds the inputs of the next request. */
    synchronized void addTo(List<Tensor> inputs) {
        inputs.addAll(List.of(values));
    }

    /** Returns the inputs of the next request. */
    synchronized List<Tensor> next(boolean isStart) {
        List<Tensor> next = new ArrayList<>(values.length);
        for (int i = 0; i < values.length; i++) {
            next.add(isStart ? declared.entries().get(i).start() : values[i]);
        }
        return next;
    }

    @Override
    public boolean takes(String output) {
        return declared.indexOf(output) >= 0;
    }

    @Override
    public synchronized void store(Tensor output, Runnable release) {
        int index = declared.indexOf(output.name());
        boolean isKept = false;
        try {
            if (!isClosed) {
                Tensor next = next(index, output);
                replace(index, next, release);
                isKept = true;
            }
        } finally {
            if (!isKept) {
                release.run();
            }
        }
    }

    private Tensor next(int index, Tensor output) {
        Tensor now = values[index];
        if (!declared.entries().get(index).keepsShape()) {
            return new Tensor(now.name(), output.dataType(), output.shape(), output.data().asReadOnly(),
                    output.placement());
        }
        if (output.byteSize() != now.byteSize()) {
            throw InferenceException.invalid("state '" + output.name() + "' has " + output.byteSize()
                    + " bytes, but one buffer of " + now.byteSize() + " bytes serves for input and output; without "
                    + "use_same_buffer_for_input_output it may change its size");
        }
        return new Tensor(now.name(), now.dataType(), now.shape(), output.data().asReadOnly(), output.placement());
    }

    /** Gives the memory back, once; what is stored later is given back at once. */
    @Override
    public synchronized void close() {
        isClosed = true;
        reset();
    }
}

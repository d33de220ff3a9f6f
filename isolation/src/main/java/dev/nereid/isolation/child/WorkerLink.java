package dev.nereid.isolation.child;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.ControlLink;
import dev.nereid.isolation.wire.SharedTensors;
import dev.nereid.isolation.wire.TensorData;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What requests and models in a worker need of the server. Threads: any. */
final class WorkerLink {
    /** What stands here before the process is connected. */
    static final WorkerLink NONE = new WorkerLink();
    /** How long a response waits until the server has read others. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final Duration ANSWER_LIMIT = Duration.ofMinutes(5);

    private final @Nullable ControlLink control;
    private final @Nullable SharedRegion region;
    private final @Nullable Blocks outputs;
    private final WorkerCalls calls;

    private WorkerLink() {
        this.control = null;
        this.region = null;
        this.outputs = null;
        this.calls = new WorkerCalls(this);
    }

    WorkerLink(ControlLink control, SharedRegion region, Blocks outputs) {
        this.control = control;
        this.region = region;
        this.outputs = outputs;
        this.calls = new WorkerCalls(this);
    }

    private static <T> T known(@Nullable T value) {
        if (value == null) {
            throw new IllegalStateException("the process is not connected yet");
        }
        return value;
    }

    SharedRegion region() {
        return known(region);
    }

    WorkerCalls calls() {
        return calls;
    }

    void tell(Control.Event event) {
        known(control).tell(event);
    }

    /** Asks the server for something that it does at once. */
    void ask(Control.Question question) {
        Control.Ok _ = known(control).ask(question, Control.Ok.class, ANSWER_LIMIT);
    }

    /**
     * Returns memory for an output.
     *
     * @throws InferenceException UNAVAILABLE when there is none
     */
    Blocks.Block allocate(long bytes) {
        return known(outputs).allocate(bytes, PATIENCE);
    }

    /**
     * Copies the inputs of a call.
     *
     * @throws InferenceException UNAVAILABLE when there is no room for them
     */
    List<TensorData> write(List<Tensor> inputs) {
        return SharedTensors.write(inputs, known(outputs), PATIENCE);
    }

    void free(long offset) {
        known(outputs).free(offset);
    }
}

package dev.nereid.engine.trace;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What is noted of one request on its way. Threads: any; a request passes from thread to thread, and where it is not
 * traced nothing is locked.
 */
public final class RequestTrace {
    /** The trace of a request that is not traced. */
    public static final RequestTrace OFF = new RequestTrace(0, Set.of(), 0);

    private final long id;
    private final boolean hasTimestamps;
    private final boolean hasTensors;
    private final int logFrequency;
    private final List<TraceEvent> events = new ArrayList<>();
    private long tensorBytes;

    RequestTrace(long id, Set<TraceLevel> levels, int logFrequency) {
        this.id = id;
        this.hasTimestamps = levels.contains(TraceLevel.TIMESTAMPS);
        this.hasTensors = levels.contains(TraceLevel.TENSORS);
        this.logFrequency = logFrequency;
    }

    /** Returns the number that tells the trace from others of this server; 0 where the request is not traced. */
    public long id() {
        return id;
    }

    /** Returns whether the request is traced. */
    public boolean isOn() {
        return id != 0;
    }

    /** Returns whether its tensors are. */
    public boolean hasTensors() {
        return hasTensors;
    }

    /** Returns after how many traces a new file begins; 0 for one file. */
    public int logFrequency() {
        return logFrequency;
    }

    /** Returns the size of the tensors' text. */
    public synchronized long tensorBytes() {
        return tensorBytes;
    }

    /** Notes what the request is for. */
    public void model(String name, long version, String requestId) {
        if (!isOn()) {
            return;
        }
        add(new TraceEvent.Model(name, version, requestId));
    }

    /** Notes that the request passed a point now. */
    public void mark(TracePoint point) {
        if (hasTimestamps) {
            mark(point, System.nanoTime());
        }
    }

    /** Notes that the request passed a point at that time. */
    public void mark(TracePoint point, long nanos) {
        if (!hasTimestamps) {
            return;
        }
        add(new TraceEvent.Mark(point, nanos));
    }

    /** Notes the inputs that are queued. */
    public void queuedInputs(List<Tensor> inputs) {
        tensors("TENSOR_QUEUE_INPUT", inputs);
    }

    /** Notes the outputs that the backend answered with. */
    public void backendOutputs(List<Tensor> outputs) {
        tensors("TENSOR_BACKEND_OUTPUT", outputs);
    }

    private void tensors(String activity, List<Tensor> tensors) {
        if (!hasTensors) {
            return;
        }
        for (Tensor tensor : tensors) {
            // The memory is gone by the time the trace is written.
            String data = TensorText.values(tensor);
            String shape = TensorText.shape(tensor.shape());
            add(new TraceEvent.Content(activity, tensor.name(), tensor.dataType(), shape, data));
            synchronized (this) {
                tensorBytes += data.length();
            }
        }
    }

    private synchronized void add(TraceEvent event) {
        events.add(event);
    }

    /** Returns all that was noted so far, in the order in which it was. */
    public synchronized List<TraceEvent> events() {
        return List.copyOf(events);
    }
}

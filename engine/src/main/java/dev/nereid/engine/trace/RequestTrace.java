package dev.nereid.engine.trace;

import dev.nereid.backend.api.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongSupplier;

/**
 * What is noted of one request on its way. Threads: any; a request passes from thread to thread, and where it is not
 * traced nothing is locked.
 */
public final class RequestTrace {
    /** The trace of a request that is not traced. */
    public static final RequestTrace OFF = new RequestTrace(0, 0, Set.of(), 0, () -> 0, Optional.empty());

    private final long id;
    private final long parentId;
    private final Set<TraceLevel> levels;
    private final boolean hasTimestamps;
    private final boolean hasTensors;
    private final int logFrequency;
    private final LongSupplier ids;
    private final Optional<RemoteSpan> remote;
    private final List<TraceEvent> events = new ArrayList<>();
    private final List<RequestTrace> children = new ArrayList<>();
    private long tensorBytes;

    /**
     * Creates a trace.
     *
     * @param id 0 for that of a request that is not traced
     * @param parentId 0 for that of a client's request
     * @param ids gives a number to each request that this one leads to
     * @param remote the client's span that the request belongs to
     */
    RequestTrace(long id, long parentId, Set<TraceLevel> levels, int logFrequency, LongSupplier ids,
            Optional<RemoteSpan> remote) {
        this.id = id;
        this.parentId = parentId;
        this.levels = levels;
        this.hasTimestamps = levels.contains(TraceLevel.TIMESTAMPS);
        this.hasTensors = levels.contains(TraceLevel.TENSORS);
        this.logFrequency = logFrequency;
        this.ids = ids;
        this.remote = remote;
    }

    /**
     * Starts the trace of a request that this one leads to: to a step of an ensemble, or to a model that another calls. It
     * is a part of this trace and is finished with it.
     */
    public RequestTrace child() {
        if (!isOn()) {
            return OFF;
        }
        RequestTrace child = new RequestTrace(ids.getAsLong(), id, levels, logFrequency, ids, Optional.empty());
        synchronized (this) {
            children.add(child);
        }
        return child;
    }

    /** Returns the number that tells the trace from others of this server; 0 where the request is not traced. */
    public long id() {
        return id;
    }

    /** Returns the number of the trace whose request led to this one; 0 for a client's request. */
    public long parentId() {
        return parentId;
    }

    /** Returns the client's span that the request belongs to. */
    public Optional<RemoteSpan> remote() {
        return remote;
    }

    /** Returns of how many requests this is the trace: one, and those that it led to so far. */
    public synchronized int requestCount() {
        int count = 1;
        for (RequestTrace child : children) {
            count += child.requestCount();
        }
        return count;
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

    /** Returns the size of the tensors' text, that of the children included. */
    public synchronized long tensorBytes() {
        long sum = tensorBytes;
        for (RequestTrace child : children) {
            sum += child.tensorBytes();
        }
        return sum;
    }

    /** Notes what the request is for. */
    public void model(String name, long version, String requestId) {
        if (!isOn()) {
            return;
        }
        add(new TraceEvent.Model(name, version, requestId, parentId));
    }

    /** Notes that the request passed a point now; what is of interest to clients only, in their requests' traces only. */
    public void mark(TracePoint point) {
        if (hasTimestamps && (parentId == 0 || point != TracePoint.INFER_RESPONSE_COMPLETE)) {
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

    /** Returns the traces of the requests that this one led to so far, in their order. */
    public synchronized List<RequestTrace> children() {
        return List.copyOf(children);
    }

    /** Returns all that was noted so far, in the order in which it was. */
    public synchronized List<TraceEvent> events() {
        return List.copyOf(events);
    }
}

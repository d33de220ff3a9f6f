package dev.nereid.server.trace;

import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.server.protocol.JsonWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

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
    private final List<Consumer<JsonWriter>> entries = new ArrayList<>();
    private long tensorBytes;

    RequestTrace(long id, Set<TraceLevel> levels, int logFrequency) {
        this.id = id;
        this.hasTimestamps = levels.contains(TraceLevel.TIMESTAMPS);
        this.hasTensors = levels.contains(TraceLevel.TENSORS);
        this.logFrequency = logFrequency;
    }

    /** Returns whether the request is traced. */
    public boolean isOn() {
        return id != 0;
    }

    /** Returns whether its tensors are. */
    public boolean hasTensors() {
        return hasTensors;
    }

    int logFrequency() {
        return logFrequency;
    }

    /** Returns the size of the tensors' text. */
    synchronized long tensorBytes() {
        return tensorBytes;
    }

    /** Notes what the request is for. */
    public void model(String name, long version, String requestId) {
        if (!isOn()) {
            return;
        }
        add(json -> {
            json.name("model_name").string(name).name("model_version").integer(version);
            if (!requestId.isEmpty()) {
                json.name("request_id").string(requestId);
            }
        });
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
        add(json -> json.name("timestamps").beginArray().beginObject().name("name").string(point.name()).name("ns")
                .integer(nanos).endObject().endArray());
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
            add(json -> json.name("activity").string(activity).name("tensor").beginObject().name("name")
                    .string(tensor.name()).name("data").string(data).name("shape").string(shape).name("dtype")
                    .string(tensor.dataType().name()).endObject());
            synchronized (this) {
                tensorBytes += data.length();
            }
        }
    }

    private synchronized void add(Consumer<JsonWriter> entry) {
        entries.add(entry);
    }

    /** Writes all that was noted, in the order in which it was, as the elements of an array. */
    synchronized void write(JsonWriter json) {
        for (Consumer<JsonWriter> entry : entries) {
            json.beginObject().name("id").integer(id);
            entry.accept(json);
            json.endObject();
        }
    }
}

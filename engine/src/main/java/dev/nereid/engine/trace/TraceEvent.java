package dev.nereid.engine.trace;

import dev.nereid.backend.api.tensor.DataType;

/** Something that was noted of a request on its way. */
public sealed interface TraceEvent {
    /**
     * What the request is for.
     *
     * @param name the model's name
     * @param version the version that executes the request
     * @param requestId the client's name for the request; empty for none
     * @param parentId the trace of the request that led to this one; 0 for a client's request
     */
    record Model(String name, long version, String requestId, long parentId) implements TraceEvent {
    }

    /**
     * A point that the request passed.
     *
     * @param nanos when, in nanoseconds of the JVM's monotonic clock
     */
    record Mark(TracePoint point, long nanos) implements TraceEvent {
    }

    /**
     * The content of a tensor.
     *
     * @param activity what was done with it
     * @param name the tensor's name
     * @param shape its dimensions, separated by commas
     * @param data its elements, separated by commas
     */
    record Content(String activity, String name, DataType dataType, String shape, String data) implements TraceEvent {
    }
}

package dev.nereid.backend.api.trace;

import dev.nereid.backend.api.Experimental;
import java.util.List;
import java.util.Map;

/**
 * A part of a request's way.
 *
 * @param name what it is called
 * @param traceId 32 hexadecimal digits, the same for all spans of a request
 * @param spanId 16 hexadecimal digits
 * @param parentSpanId 16 hexadecimal digits; empty for none
 * @param hasRemoteParent whether the parent is a span of the client's
 * @param traceState what tracing systems of the client added to the trace; empty for nothing
 * @param startNanos when it began, in nanoseconds since 1970
 * @param endNanos when it ended, in nanoseconds since 1970
 * @param attributes what it is about, by name
 * @param events what happened in it, in the order of time
 */
@Experimental(since = "1.1")
public record Span(String name, String traceId, String spanId, String parentSpanId, boolean hasRemoteParent,
        String traceState, long startNanos, long endNanos, Map<String, String> attributes, List<Event> events) {
    /** Copies map and list. */
    public Span {
        attributes = Map.copyOf(attributes);
        events = List.copyOf(events);
    }

    /**
     * Something that happened.
     *
     * @param nanos when, in nanoseconds since 1970
     */
    public record Event(String name, long nanos) {
    }
}

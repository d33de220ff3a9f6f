package dev.nereid.server.trace;

import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.Span.Event;
import dev.nereid.engine.trace.RemoteSpan;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceEvent;
import dev.nereid.engine.trace.TracePoint;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Makes spans of a trace: one for the request as the front end saw it, in it one for the model, in that one for each
 * execution; requests that it led to, as steps of an ensemble or called by a backend, have theirs in turn. For one thread.
 */
final class SpanTree {
    private static final String ROOT = "InferRequest";
    private static final String COMPUTE = "compute";

    private final LongSupplier random;
    private final long wallOffset;
    private final List<Span> spans = new ArrayList<>();

    private SpanTree(LongSupplier random, long wallOffset) {
        this.random = random;
        this.wallOffset = wallOffset;
    }

    /**
     * Returns the spans of a client's request, none where nothing was noted.
     *
     * @param random gives the numbers that ids are made of
     * @param wallOffset nanoseconds since 1970 at the zero of the JVM's monotonic clock
     */
    static List<Span> of(RequestTrace trace, LongSupplier random, long wallOffset) {
        SpanTree tree = new SpanTree(random, wallOffset);
        tree.addRequest(trace);
        return tree.spans;
    }

    private void addRequest(RequestTrace trace) {
        Noted noted = Noted.of(trace);
        if (noted.marks.isEmpty()) {
            return;
        }
        RemoteSpan remote = trace.remote().orElse(null);
        String traceId = remote == null ? hex() + hex() : remote.traceId();
        Place place = new Place(traceId, remote == null ? "" : remote.spanId(), remote != null,
                remote == null ? "" : remote.state());
        String id = add(ROOT, place, noted.first(), noted.last(), Map.of(), noted.marksOf(SpanTree::isOfFrontEnd));
        addModel(trace, noted, place.inside(id));
    }

    /** Where a span belongs. */
    private record Place(String traceId, String parent, boolean isRemote, String state) {
        Place inside(String span) {
            return new Place(traceId, span, false, state);
        }
    }

    private void addModel(RequestTrace trace, Noted noted, Place place) {
        TraceEvent.Model model = noted.model;
        Place inner = place;
        if (model != null) {
            Map<String, String> attributes = new LinkedHashMap<>();
            attributes.put("triton.model_name", model.name());
            attributes.put("triton.model_version", Long.toString(model.version()));
            attributes.put("triton.trace_id", Long.toString(trace.id()));
            attributes.put("triton.trace_parent_id", Long.toString(trace.parentId()));
            if (!model.requestId().isEmpty()) {
                attributes.put("triton.request_id", model.requestId());
            }
            List<TraceEvent.Mark> marks = noted.marksOf(SpanTree::isOfModel);
            long start = marks.isEmpty() ? noted.first() : marks.getFirst().nanos();
            long end = marks.stream().anyMatch(mark -> mark.point() == TracePoint.REQUEST_END)
                    ? marks.getLast().nanos()
                    : noted.last();
            inner = place.inside(add(model.name(), place, start, end, attributes, marks));
        }
        Place open = inner;
        for (List<TraceEvent.Mark> execution : noted.executions()) {
            String id = add(COMPUTE, inner, execution.getFirst().nanos(), execution.getLast().nanos(), Map.of(),
                    execution);
            open = inner.inside(id);
        }
        for (RequestTrace child : trace.children()) {
            // What calls a model is being executed.
            Noted called = Noted.of(child);
            if (!called.marks.isEmpty()) {
                addModel(child, called, open);
            }
        }
    }

    private String add(String name, Place place, long start, long end, Map<String, String> attributes,
            List<TraceEvent.Mark> marks) {
        String id = hex();
        spans.add(new Span(name, place.traceId(), id, place.parent(), place.isRemote(), place.state(),
                wallOffset + start, wallOffset + Math.max(start, end), attributes,
                marks.stream().map(mark -> new Event(mark.point().name(), wallOffset + mark.nanos())).toList()));
        return id;
    }

    private String hex() {
        long number = random.getAsLong();
        // All zeros is no id.
        return HexFormat.of().toHexDigits(number == 0 ? 1 : number);
    }

    private static boolean isOfFrontEnd(TracePoint point) {
        return !isOfModel(point) && !isOfExecution(point);
    }

    private static boolean isOfModel(TracePoint point) {
        return switch (point) {
            case REQUEST_START, QUEUE_START, REQUEST_END -> true;
            default -> false;
        };
    }

    private static boolean isOfExecution(TracePoint point) {
        return switch (point) {
            case COMPUTE_START, COMPUTE_INPUT_END, COMPUTE_OUTPUT_START, COMPUTE_END -> true;
            default -> false;
        };
    }

    /** What was noted of one request. */
    private static final class Noted {
        private TraceEvent.@Nullable Model model;
        private final List<TraceEvent.Mark> marks = new ArrayList<>();

        static Noted of(RequestTrace trace) {
            Noted noted = new Noted();
            for (TraceEvent event : trace.events()) {
                switch (event) {
                    case TraceEvent.Model found -> noted.model = found;
                    case TraceEvent.Mark mark -> noted.marks.add(mark);
                    case TraceEvent.Content _ -> {
                        // Content of requests is never sent anywhere.
                    }
                }
            }
            return noted;
        }

        long first() {
            return marks.stream().mapToLong(TraceEvent.Mark::nanos).min().orElse(0);
        }

        long last() {
            return marks.stream().mapToLong(TraceEvent.Mark::nanos).max().orElse(0);
        }

        List<TraceEvent.Mark> marksOf(Predicate<TracePoint> kind) {
            return marks.stream().filter(mark -> kind.test(mark.point())).toList();
        }

        /** Returns the marks of each execution: a request may be executed again. */
        List<List<TraceEvent.Mark>> executions() {
            List<List<TraceEvent.Mark>> executions = new ArrayList<>();
            for (TraceEvent.Mark mark : marksOf(SpanTree::isOfExecution)) {
                if (mark.point() == TracePoint.COMPUTE_START || executions.isEmpty()) {
                    executions.add(new ArrayList<>());
                }
                executions.getLast().add(mark);
            }
            return executions;
        }
    }
}

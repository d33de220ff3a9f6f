package dev.nereid.server.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.trace.Span;
import dev.nereid.engine.trace.RemoteSpan;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceExporter;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class SpanTreeTest {
    private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
    private static final String CLIENT = "00f067aa0ba902b7";
    private static final long OFFSET = 1_000_000;

    private final Tracer tracer = Tracer.create(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS), 1, -1, 0),
            Optional.of(new Collector()));
    private final AtomicLong ids = new AtomicLong();

    private record Collector() implements TraceExporter {
        @Override
        public String mode() {
            return "test";
        }

        @Override
        public Map<String, List<String>> settings() {
            return Map.of();
        }

        @Override
        public boolean hasRemoteSpans() {
            return true;
        }

        @Override
        public void export(RequestTrace trace) {
        }

        @Override
        public void close() {
        }
    }

    private List<Span> spans(RequestTrace trace) {
        return SpanTree.of(trace, ids::incrementAndGet, OFFSET);
    }

    /** Notes what the engine does of a request that is executed, from that time on. */
    private static void execute(RequestTrace trace, String model, long from) {
        trace.mark(TracePoint.REQUEST_START, from);
        trace.model(model, 3, "r");
        trace.mark(TracePoint.QUEUE_START, from + 1);
        compute(trace, from + 2);
        trace.mark(TracePoint.REQUEST_END, from + 6);
    }

    private static void compute(RequestTrace trace, long from) {
        trace.mark(TracePoint.COMPUTE_START, from);
        trace.mark(TracePoint.COMPUTE_INPUT_END, from + 1);
        trace.mark(TracePoint.COMPUTE_OUTPUT_START, from + 2);
        trace.mark(TracePoint.COMPUTE_END, from + 3);
    }

    /** Returns each span as its name behind those of the spans that it is in. */
    private static List<String> paths(List<Span> spans) {
        return spans.stream().map(span -> path(spans, span)).toList();
    }

    private static String path(List<Span> spans, Span span) {
        return spans.stream().filter(each -> each.spanId().equals(span.parentSpanId())).findFirst()
                .map(parent -> path(spans, parent) + "/" + span.name()).orElse(span.name());
    }

    private static List<String> events(Span span) {
        return span.events().stream().map(event -> event.name() + " " + (event.nanos() - OFFSET)).toList();
    }

    @Test
    void noIdIsAllZeros() {
        RequestTrace trace = tracer.begin("m", _ -> Optional.empty());
        execute(trace, "m", 10);

        List<Span> spans = SpanTree.of(trace, () -> 0, OFFSET);

        assertEquals(List.of("0000000000000001", "0000000000000001", "0000000000000001"),
                spans.stream().map(Span::spanId).toList());
        assertEquals("00000000000000010000000000000001", spans.getFirst().traceId());
    }

    @Test
    void aRequestHasSpansForFrontEndModelAndExecution() {
        RequestTrace trace = tracer.begin("m");
        trace.mark(TracePoint.HTTP_RECV_START, 10);
        trace.mark(TracePoint.HTTP_RECV_END, 12);
        execute(trace, "m", 20);
        trace.mark(TracePoint.HTTP_SEND_START, 40);
        trace.mark(TracePoint.HTTP_SEND_END, 50);
        List<Span> spans = spans(trace);

        assertEquals(List.of("InferRequest", "InferRequest/m", "InferRequest/m/compute"), paths(spans));
        assertEquals(List.of("HTTP_RECV_START 10", "HTTP_RECV_END 12", "HTTP_SEND_START 40", "HTTP_SEND_END 50"),
                events(spans.get(0)));
        assertEquals(List.of("REQUEST_START 20", "QUEUE_START 21", "REQUEST_END 26"), events(spans.get(1)));
        assertEquals(List.of("COMPUTE_START 22", "COMPUTE_INPUT_END 23", "COMPUTE_OUTPUT_START 24", "COMPUTE_END 25"),
                events(spans.get(2)));
        assertEquals(List.of(10L, 20L, 22L), spans.stream().map(span -> span.startNanos() - OFFSET).toList());
        assertEquals(List.of(50L, 26L, 25L), spans.stream().map(span -> span.endNanos() - OFFSET).toList());
        assertEquals(Map.of("triton.model_name", "m", "triton.model_version", "3", "triton.trace_id", "1",
                "triton.trace_parent_id", "0", "triton.request_id", "r"), spans.get(1).attributes());
        assertEquals("", spans.get(0).parentSpanId());
        assertTrue(spans.getFirst().traceId().matches("[0-9a-f]{32}"));
        assertEquals(1, spans.stream().map(Span::traceId).distinct().count());
    }

    @Test
    void aRequestBelongsToTheSpanOfItsClient() {
        RequestTrace trace = tracer.begin("m", name -> Optional.of(
                name.equals(RemoteSpan.PARENT) ? "00-" + TRACE + "-" + CLIENT + "-01" : "vendor=x"));
        execute(trace, "m", 1);
        List<Span> spans = spans(trace);

        assertEquals(CLIENT, spans.getFirst().parentSpanId());
        assertTrue(spans.getFirst().hasRemoteParent());
        assertTrue(
                spans.stream().allMatch(span -> span.traceId().equals(TRACE) && span.traceState().equals("vendor=x")));
        assertTrue(spans.stream().skip(1).noneMatch(Span::hasRemoteParent));
    }

    @Test
    void stepsOfAnEnsembleAreInItsSpanAndCallsInThatOfTheExecution() {
        RequestTrace trace = tracer.begin("e");
        trace.mark(TracePoint.REQUEST_START, 1);
        trace.model("e", 1, "");
        RequestTrace step = trace.child();
        execute(step, "a", 10);
        RequestTrace call = step.child();
        execute(call, "b", 13);
        execute(trace.child(), "c", 20);
        trace.mark(TracePoint.REQUEST_END, 30);

        assertEquals(List.of("InferRequest", "InferRequest/e", "InferRequest/e/a", "InferRequest/e/a/compute",
                "InferRequest/e/a/compute/b", "InferRequest/e/a/compute/b/compute", "InferRequest/e/c",
                "InferRequest/e/c/compute"), paths(spans(trace)));
    }

    @Test
    void aRequestThatIsExecutedAgainHasASpanForEachTime() {
        RequestTrace trace = tracer.begin("m");
        trace.mark(TracePoint.REQUEST_START, 1);
        trace.model("m", 1, "");
        compute(trace, 2);
        compute(trace, 12);
        trace.mark(TracePoint.REQUEST_END, 20);
        List<Span> spans = spans(trace);

        assertEquals(List.of("InferRequest", "InferRequest/m", "InferRequest/m/compute", "InferRequest/m/compute"),
                paths(spans));
        assertNotEquals(spans.get(2).spanId(), spans.get(3).spanId());
    }

    @Test
    void aRequestThatIsDroppedInTheQueueHasNoExecution() {
        RequestTrace trace = tracer.begin("m");
        trace.mark(TracePoint.REQUEST_START, 1);
        trace.model("m", 1, "");
        trace.mark(TracePoint.QUEUE_START, 2);
        trace.mark(TracePoint.HTTP_SEND_END, 9);
        List<Span> spans = spans(trace);

        assertEquals(List.of("InferRequest", "InferRequest/m"), paths(spans));
        assertEquals(9, spans.get(1).endNanos() - OFFSET);
    }

    @Test
    void whatWasNotNotedHasNoSpan() {
        assertEquals(List.of(), spans(tracer.begin("m")));
    }
}

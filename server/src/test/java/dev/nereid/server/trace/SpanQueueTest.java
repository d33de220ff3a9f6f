package dev.nereid.server.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.SpanExporter;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SpanQueueTest {
    private static final Duration NEVER = Duration.ofHours(1);
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Collector collector = new Collector();

    /** A collector that keeps what it gets, or does not answer, or refuses. */
    private static final class Collector implements SpanExporter {
        private final List<List<Span>> batches = new CopyOnWriteArrayList<>();
        private final CountDownLatch isAsked = new CountDownLatch(1);
        private final CountDownLatch mayAnswer = new CountDownLatch(1);
        private volatile boolean isSilent;
        private volatile String failure = "";
        private volatile boolean isClosed;

        @Override
        public String export(List<Span> spans) {
            isAsked.countDown();
            if (isSilent) {
                try {
                    mayAnswer.await();
                } catch (InterruptedException e) {
                    return "interrupted";
                }
            }
            if (failure.isEmpty()) {
                batches.add(spans);
            }
            return failure;
        }

        int spans() {
            return batches.stream().mapToInt(List::size).sum();
        }

        @Override
        public void close() {
            isClosed = true;
        }
    }

    private SpanQueue start(int maxQueueSize, Duration delay, int maxBatchSize, Duration timeToEnd) {
        return SpanQueue.start(new OpenTelemetryOptions("http://c", Map.of("service.name", "s"), maxQueueSize, delay,
                maxBatchSize, Path.of("absent"), Map.of()), collector, timeToEnd);
    }

    /** Traces requests, each of which has two spans, but takes the room of three. */
    private static void trace(SpanQueue queue, int count) {
        Tracer tracer = Tracer.create(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS), 1, -1, 0), Optional.of(queue));
        for (int i = 0; i < count; i++) {
            RequestTrace trace = tracer.begin("m");
            trace.mark(TracePoint.REQUEST_START, i);
            trace.model("m", 1, "");
            trace.mark(TracePoint.REQUEST_END, i + 1);
            tracer.finish(trace);
        }
    }

    @Test
    void sendsABatchWhenItIsFull() {
        SpanQueue queue = start(100, NEVER, 6, PATIENCE);
        trace(queue, 2);

        Eventually.until("the spans have arrived", () -> collector.spans() == 4 && queue.exported() == 4);
        queue.close();
        assertTrue(collector.isClosed);
    }

    @Test
    void sendsWhatWaitsAfterTheDelay() {
        SpanQueue queue = start(100, Duration.ofMillis(1), 100, PATIENCE);
        trace(queue, 1);

        Eventually.until("the spans have arrived", () -> collector.spans() == 2);
        queue.close();
    }

    @Test
    void sendsNoMoreAtOnceThanIsAllowed() {
        SpanQueue queue = start(100, NEVER, 5, PATIENCE);
        trace(queue, 10);
        queue.close();

        assertEquals(20, collector.spans());
        assertTrue(collector.batches.stream().allMatch(batch -> batch.size() <= 5));
    }

    @Test
    void sendsTheRestInTheEnd() {
        SpanQueue queue = start(100, NEVER, 100, PATIENCE);
        trace(queue, 3);
        queue.close();

        assertEquals(6, collector.spans());
        assertEquals(6, queue.exported());
    }

    @Test
    void dropsAndCountsWhatDoesNotFitWhileTheCollectorDoesNotAnswer() throws InterruptedException {
        collector.isSilent = true;
        SpanQueue queue = start(30, NEVER, 3, PATIENCE);
        trace(queue, 1);
        collector.isAsked.await();
        // Comes back at once, though nothing is taken.
        trace(queue, 100);

        assertEquals(90 * 3, queue.dropped());
        collector.mayAnswer.countDown();
        queue.close();
        assertEquals(11 * 2, queue.exported());
    }

    @Test
    void countsWhatTheCollectorRefusesAndGoesOn() {
        collector.failure = "Connection refused";
        SpanQueue queue = start(100, NEVER, 3, PATIENCE);
        trace(queue, 1);
        Eventually.until("the failure is counted", () -> queue.failed() == 2);
        collector.failure = "";
        trace(queue, 1);
        Eventually.until("the spans have arrived", () -> queue.exported() == 2);
        queue.close();

        assertEquals(2, queue.failed());
    }

    @Test
    void aCollectorThatDoesNotAnswerDoesNotHoldUpTheEnd() {
        collector.isSilent = true;
        SpanQueue queue = start(100, NEVER, 100, Duration.ofMillis(50));
        trace(queue, 1);
        queue.close();

        assertEquals(0, queue.exported());
        collector.mayAnswer.countDown();
    }

    @Test
    void showsItsSettings() {
        SpanQueue queue = start(100, NEVER, 5, PATIENCE);
        queue.close();

        assertEquals(Map.of("url", List.of("http://c"), "resource", List.of("service.name=s"), "bsp_max_queue_size",
                List.of("100"), "bsp_schedule_delay", List.of("3600000"), "bsp_max_export_batch_size", List.of("5")),
                queue.settings());
        assertEquals("opentelemetry", queue.mode());
    }

    @Test
    void saysThatThePluginIsNotThere() {
        assertTrue(assertThrows(InferenceException.class,
                () -> SpanQueue.start(new OpenTelemetryOptions("http://c", Map.of(), 1, NEVER, 1, Path.of("absent"),
                        Map.of()), "1"))
                .getMessage().startsWith("unable to find tracing 'opentelemetry': "));
    }

    @Test
    void requestsWithASpanOfTheirClientsAreTracedInAnyCase() {
        SpanQueue queue = start(100, NEVER, 100, PATIENCE);
        String parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        try (Tracer rarely = Tracer.create(new TraceSettings(Set.of(TraceLevel.TIMESTAMPS), 0, 0, 0),
                Optional.of(queue))) {
            assertFalse(rarely.begin("m").isOn());
            assertFalse(rarely.begin("m", name -> Optional.of("nonsense")).isOn());
            assertTrue(rarely.begin("m", name -> Optional.of(parent)).isOn());
        }
        try (Tracer off = Tracer.create(new TraceSettings(Set.of(), 1, -1, 0), Optional.of(queue))) {
            assertFalse(off.begin("m", name -> Optional.of(parent)).isOn());
        }
    }
}

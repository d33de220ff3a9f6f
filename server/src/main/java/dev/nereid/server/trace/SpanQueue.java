package dev.nereid.server.trace;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.trace.Span;
import dev.nereid.backend.api.trace.SpanExporter;
import dev.nereid.engine.plugin.TracingPlugin;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceExporter;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Brings traces to a collector on a thread of its own, which also makes spans of them. What a request pays is to be put into
 * a queue; where the queue is full, since the collector is slow or away, its spans are dropped and counted. The log tells
 * when that begins and when it is over.
 *
 * <p>Threads: any; the exporter is called by the queue's own only.
 */
public final class SpanQueue implements TraceExporter {
    private static final Logger LOGGER = System.getLogger(SpanQueue.class.getName());
    /** Each request has a span for its model and one for its execution; a client's request has one more. */
    private static final int SPANS_PER_REQUEST = 2;
    private static final Duration TIME_TO_END = Duration.ofSeconds(2);

    private final OpenTelemetryOptions options;
    private final SpanExporter exporter;
    private final Duration timeToEnd;
    private final Queue<Waiting> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waitingSpans = new AtomicInteger();
    private final LongAdder exported = new LongAdder();
    private final LongAdder dropped = new LongAdder();
    private final LongAdder failed = new LongAdder();
    private final Thread thread;
    private volatile boolean isClosing;
    private volatile boolean isFull;
    private boolean isAway;

    /** A trace, and how many spans it was counted as: a request that is late may lead to others meanwhile. */
    private record Waiting(RequestTrace trace, int spans) {
    }

    private SpanQueue(OpenTelemetryOptions options, SpanExporter exporter, Duration timeToEnd) {
        this.options = options;
        this.exporter = exporter;
        this.timeToEnd = timeToEnd;
        this.thread = Thread.ofPlatform().name("nereid-spans").daemon(true).unstarted(this::run);
    }

    /**
     * Starts to export.
     *
     * @param serverVersion the version of the server
     * @throws InferenceException when the plugin can't be found, or refuses its settings
     */
    public static SpanQueue start(OpenTelemetryOptions options, String serverVersion) {
        return start(options, TracingPlugin.open(OpenTelemetryOptions.NAME, options.plugins(),
                new TracingPlugin.Context(serverVersion, options.url(), options.resource(), options.environment())),
                TIME_TO_END);
    }

    static SpanQueue start(OpenTelemetryOptions options, SpanExporter exporter, Duration timeToEnd) {
        SpanQueue queue = new SpanQueue(options, exporter, timeToEnd);
        queue.thread.start();
        return queue;
    }

    @Override
    public String mode() {
        return OpenTelemetryOptions.NAME;
    }

    @Override
    public Map<String, List<String>> settings() {
        Map<String, List<String>> settings = new LinkedHashMap<>();
        settings.put("url", List.of(options.url()));
        settings.put("resource", List.of(String.join(",",
                options.resource().entrySet().stream().map(each -> each.getKey() + "=" + each.getValue()).sorted()
                        .toList())));
        settings.put("bsp_max_queue_size", List.of(Integer.toString(options.maxQueueSize())));
        settings.put("bsp_schedule_delay", List.of(Long.toString(options.scheduleDelay().toMillis())));
        settings.put("bsp_max_export_batch_size", List.of(Integer.toString(options.maxBatchSize())));
        return settings;
    }

    @Override
    public boolean hasRemoteSpans() {
        return true;
    }

    /** Returns how many spans have arrived at the collector. */
    public long exported() {
        return exported.sum();
    }

    /** Returns how many spans were dropped since too many waited. */
    public long dropped() {
        return dropped.sum();
    }

    /** Returns how many spans the collector did not take. */
    public long failed() {
        return failed.sum();
    }

    @Override
    public void export(RequestTrace trace) {
        int spans = spans(trace);
        int before = waitingSpans.getAndAdd(spans);
        if (before + spans > options.maxQueueSize() || isClosing) {
            waitingSpans.addAndGet(-spans);
            dropped.add(spans);
            isFull = true;
            return;
        }
        boolean ignored = waiting.add(new Waiting(trace, spans));
        if (before < options.maxBatchSize() && before + spans >= options.maxBatchSize()) {
            LockSupport.unpark(thread);
        }
    }

    private static int spans(RequestTrace trace) {
        return 1 + SPANS_PER_REQUEST * trace.requestCount();
    }

    private void run() {
        long nextFlush = System.nanoTime() + options.scheduleDelay().toNanos();
        while (!isClosing) {
            long left = nextFlush - System.nanoTime();
            if (left > 0 && waitingSpans.get() < options.maxBatchSize()) {
                LockSupport.parkNanos(this, left);
                continue;
            }
            flush();
            nextFlush = System.nanoTime() + options.scheduleDelay().toNanos();
        }
        flush();
    }

    private void flush() {
        if (isFull) {
            isFull = false;
            LOGGER.log(Level.WARNING, () -> "BatchSpanProcessor queue is full - dropping span. (" + dropped.sum()
                    + " so far)");
        }
        List<Span> batch = new ArrayList<>();
        for (Waiting next = waiting.poll(); next != null; next = waiting.poll()) {
            waitingSpans.addAndGet(-next.spans());
            batch.addAll(SpanTree.of(next.trace(), () -> ThreadLocalRandom.current().nextLong(), wallOffset()));
            while (batch.size() >= options.maxBatchSize()) {
                send(batch.subList(0, options.maxBatchSize()));
                batch = new ArrayList<>(batch.subList(options.maxBatchSize(), batch.size()));
            }
        }
        if (!batch.isEmpty()) {
            send(batch);
        }
    }

    private void send(List<Span> spans) {
        String failure;
        try {
            failure = exporter.export(List.copyOf(spans));
        } catch (InferenceException e) {
            failure = e.getMessage();
        }
        if (failure.isEmpty()) {
            exported.add(spans.size());
            if (isAway) {
                isAway = false;
                LOGGER.log(Level.INFO, () -> "the trace collector at " + options.url() + " takes spans again");
            }
            return;
        }
        failed.add(spans.size());
        if (!isAway) {
            isAway = true;
            String reason = failure;
            LOGGER.log(Level.WARNING, () -> "the trace collector at " + options.url() + " takes no spans: " + reason
                    + "; they are dropped and counted until it does");
        }
    }

    /** Returns the nanoseconds since 1970 at the zero of the JVM's monotonic clock. */
    private static long wallOffset() {
        Instant now = Instant.now();
        return TimeUnit.SECONDS.toNanos(now.getEpochSecond()) + now.getNano() - System.nanoTime();
    }

    /** Sends what waits, as far as there is time, and ends. */
    @Override
    public void close() {
        isClosing = true;
        LockSupport.unpark(thread);
        try {
            if (!thread.join(timeToEnd)) {
                LOGGER.log(Level.WARNING,
                        () -> waitingSpans.get() + " spans did not reach the trace collector in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        exporter.close();
    }
}

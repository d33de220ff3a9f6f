package dev.nereid.server.trace;

import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceExporter;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Brings traces to the file on a thread of its own. Requests never wait for the disk: where it is slower than they are,
 * traces are dropped, and the log says how many.
 */
public final class TraceWriter implements TraceExporter {
    private static final Logger LOGGER = System.getLogger(TraceWriter.class.getName());
    private static final int MAX_WAITING = 4096;
    private static final long MAX_WAITING_BYTES = 64L << 20;

    private final Path path;
    private final TraceFile file;
    private final BlockingQueue<RequestTrace> waiting = new ArrayBlockingQueue<>(MAX_WAITING);
    private final AtomicLong waitingBytes = new AtomicLong();
    private final AtomicLong dropped = new AtomicLong();
    private final Thread thread;
    private boolean isBroken;

    private TraceWriter(Path path) {
        this.path = path;
        this.file = new TraceFile(path);
        this.thread = Thread.ofPlatform().name("nereid-trace").daemon(true).unstarted(this::run);
    }

    /** Starts to write to that file, which is made with the first trace. */
    public static TraceWriter start(Path path) {
        TraceWriter writer = new TraceWriter(path);
        writer.thread.start();
        return writer;
    }

    @Override
    public String mode() {
        return "triton";
    }

    @Override
    public Map<String, List<String>> settings() {
        return Map.of("trace_file", List.of(path.toString()));
    }

    @Override
    public boolean hasRemoteSpans() {
        return false;
    }

    /** Takes a finished trace; drops it where too many wait. */
    @Override
    public void export(RequestTrace trace) {
        long bytes = trace.tensorBytes();
        if (waitingBytes.addAndGet(bytes) > MAX_WAITING_BYTES || !waiting.offer(trace)) {
            waitingBytes.addAndGet(-bytes);
            dropped.incrementAndGet();
        }
    }

    private void run() {
        boolean isClosing = false;
        while (!isClosing) {
            try {
                RequestTrace trace = waiting.take();
                isClosing = !trace.isOn();
                if (!isClosing) {
                    write(trace);
                }
            } catch (InterruptedException e) {
                // Nobody has a reason to; what waits must still be written.
                LOGGER.log(Level.DEBUG, "the trace writer was interrupted");
            }
        }
    }

    private void write(RequestTrace trace) {
        waitingBytes.addAndGet(-trace.tensorBytes());
        long lost = dropped.getAndSet(0);
        if (lost > 0) {
            LOGGER.log(Level.WARNING, () -> lost + " traces were dropped: the trace file is slower than the requests");
        }
        if (isBroken) {
            return;
        }
        try {
            file.write(trace);
        } catch (IOException e) {
            isBroken = true;
            LOGGER.log(Level.ERROR, "the trace file can't be written; no more traces are", e);
        }
    }

    /** Writes what waits and closes the file. */
    @Override
    public void close() {
        try {
            // The one trace that is none ends the thread.
            waiting.put(RequestTrace.OFF);
            thread.join();
            file.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            LOGGER.log(Level.ERROR, "the trace file can't be closed", e);
        }
    }
}

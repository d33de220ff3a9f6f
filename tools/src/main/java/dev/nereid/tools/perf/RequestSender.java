package dev.nereid.tools.perf;

import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** Sends requests on a connection of its own and records how it went. For one thread, but for {@link #close}. */
final class RequestSender implements AutoCloseable {
    private static final int OK = 200;

    /**
     * What all senders of a load share.
     *
     * @param target the server
     * @param requests the bytes of the requests, which are sent in turn
     * @param check compares answers, where that is wanted
     * @param recorder takes in the latencies
     * @param turn counts the requests
     */
    record Job(Target target, List<byte[]> requests, Optional<ResponseCheck> check, LoadRecorder recorder,
            AtomicLong turn) {
        /** Creates a job that begins with the first request. */
        Job(Target target, List<byte[]> requests, Optional<ResponseCheck> check, LoadRecorder recorder) {
            this(target, List.copyOf(requests), check, recorder, new AtomicLong());
        }
    }

    private final Job job;
    private final HttpConnection connection;
    private volatile boolean isClosed;

    RequestSender(Job job) {
        this.job = job;
        this.connection = new HttpConnection(job.target());
    }

    /** Sends the next request now, and records its latency from now. */
    void send() {
        long now = System.nanoTime();
        send(now, now);
    }

    /** Sends the next request now, and records its latency from the time when it was due. */
    void sendLate(long due) {
        send(due, System.nanoTime());
    }

    private void send(long due, long sent) {
        int request = job.requests().size() == 1
                ? 0
                : (int) (job.turn().getAndIncrement() % job.requests().size());
        try {
            HttpReply reply = connection.exchange(job.requests().get(request));
            long end = System.nanoTime();
            if (reply.status() != OK) {
                job.recorder().failure("the server answered " + ServerApi.errorText(reply));
            } else if (job.check().isPresent() && !job.check().get().isSame(request, reply)) {
                job.recorder().failure("an answer's outputs differ from those of the first answer");
            } else {
                job.recorder().success(end - due, sent - due);
            }
        } catch (IOException e) {
            // The end of the measurement cuts off what is still under way.
            if (!isClosed) {
                job.recorder().failure(e.getMessage() == null ? e.toString() : e.getMessage());
            }
        }
    }

    /** Ends the request that is under way, from any thread. */
    @Override
    public void close() {
        isClosed = true;
        connection.close();
    }
}

package dev.nereid.tools.perf;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/** Sends requests on a connection of its own and records how it went. For one thread, but for {@link #close}. */
final class RequestSender implements AutoCloseable {
    /**
     * What all senders of a load share.
     *
     * @param requests the requests, which are sent in turn
     * @param recorder takes in the latencies
     * @param sequences the sequences that the requests belong to, if they do
     * @param turn counts the requests
     */
    record Job(Requests requests, LoadRecorder recorder, Optional<SequencePool> sequences, AtomicLong turn) {
        /** Creates a job that begins with the first request. */
        Job(Requests requests, LoadRecorder recorder, Optional<SequencePool> sequences) {
            this(requests, recorder, sequences, new AtomicLong());
        }

        private int nextRequest() {
            return requests.count() == 1 ? 0 : (int) (turn.getAndIncrement() % requests.count());
        }
    }

    private final Job job;
    private final RequestConnection connection;
    private final ResponseTimes times = new ResponseTimes();
    private volatile boolean isClosed;

    RequestSender(Job job) {
        this.job = job;
        this.connection = job.requests().connection();
    }

    /** Sends the next request now, and records its latency from now. */
    void send() {
        send(Optional.empty());
    }

    /** Sends the next request now, and records its latency from the time when it was due. */
    void sendLate(long due) {
        send(Optional.of(due));
    }

    private void send(Optional<Long> due) {
        if (job.sequences().isEmpty()) {
            boolean ignored = send(due, SequencePlace.NONE);
            return;
        }
        SequencePool pool = job.sequences().get();
        SequencePool.Sequence sequence;
        try {
            sequence = pool.take();
        } catch (InterruptedException e) {
            // That is how the end of the measurement is told.
            Thread.currentThread().interrupt();
            return;
        }
        boolean isGood = false;
        try {
            isGood = send(due, sequence.next());
        } finally {
            pool.giveBack(sequence, isGood);
        }
    }

    private boolean send(Optional<Long> due, SequencePlace place) {
        long sent = System.nanoTime();
        long from = due.orElse(sent);
        times.reset();
        try {
            Optional<String> problem = connection.exchange(job.nextRequest(), place, times);
            long end = System.nanoTime();
            if (problem.isPresent()) {
                // The end of the measurement cuts off what is still under way.
                if (!isClosed) {
                    job.recorder().failure(problem.get());
                }
                return false;
            }
            job.recorder().success(end - from, sent - from);
            job.recorder().responses(times, from);
            return true;
        } catch (IOException e) {
            if (!isClosed) {
                job.recorder().failure(e.getMessage() == null ? e.toString() : e.getMessage());
            }
            return false;
        }
    }

    /** Ends the request that is under way, from any thread. */
    @Override
    public void close() {
        isClosed = true;
        connection.close();
    }
}

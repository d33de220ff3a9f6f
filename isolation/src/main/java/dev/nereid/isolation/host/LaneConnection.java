package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.FrameOutput;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.RecordCodec;
import dev.nereid.isolation.wire.WireException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Optional;

/**
 * The connection to one thread of a worker process, which creates, executes and closes instances. One thread at a time uses
 * it, for which others wait: one may create instances again while another closes or executes one of the same thread. Any
 * thread may look since when it is waited for.
 */
final class LaneConnection implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(LaneConnection.class.getName());

    private final WorkerProcess process;
    private final Connection connection;
    private final FrameOutput frame = new FrameOutput();
    /** When the wait began; 0 where nobody waits. */
    private volatile long waitingSince;
    private volatile Optional<Duration> limit = Optional.empty();

    LaneConnection(WorkerProcess process, Connection connection) {
        this.process = process;
        this.connection = connection;
    }

    WorkerProcess process() {
        return process;
    }

    /**
     * Sends something and waits for what comes of it.
     *
     * @param patience after which the process is ended for making no progress; empty for none
     * @throws InferenceException UNAVAILABLE when the process ends meanwhile, or has ended
     */
    synchronized <T extends Lane.ToServer> T call(Lane.ToWorker message, Class<T> expected,
            Optional<Duration> patience) {
        frame.clear();
        RecordCodec.write(Lane.ToWorker.class, message, frame);
        limit = patience;
        waitingSince = System.nanoTime() | 1;
        try {
            connection.send(frame);
            Lane.ToServer answer = RecordCodec.read(Lane.ToServer.class, connection.receive());
            if (!expected.isInstance(answer)) {
                throw new WireException("expected " + expected.getSimpleName() + ", got "
                        + answer.getClass().getSimpleName());
            }
            return expected.cast(answer);
        } catch (IOException e) {
            throw process.loss();
        } catch (WireException e) {
            LOGGER.log(Level.ERROR, process.who() + ": " + e.getMessage(), e);
            process.end(WorkerProcess.BROKEN);
            throw process.loss();
        } finally {
            waitingSince = 0;
        }
    }

    /** Asks for something that is done or fails. */
    void call(Lane.ToWorker message, Optional<Duration> patience) {
        Lane.Done done = call(message, Lane.Done.class, patience);
        if (done.failure().isPresent()) {
            throw done.failure().get().exception();
        }
    }

    /** Returns the limit that is passed; empty where it is not. */
    Optional<Duration> passed(long now, long lastProgress) {
        long since = waitingSince;
        return since == 0
                ? Optional.empty()
                : limit.filter(patience -> now - Math.max(since, lastProgress) > patience.toNanos());
    }

    @Override
    public void close() {
        connection.close();
    }
}

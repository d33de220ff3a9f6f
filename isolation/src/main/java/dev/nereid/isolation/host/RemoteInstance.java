package dev.nereid.isolation.host;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.Lane;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Stands for an instance in a worker process. Its executions are those of the thread that calls it, which waits meanwhile.
 * After the process has ended, it is created again in the next one.
 */
final class RemoteInstance implements ModelInstance {
    private static final Logger LOGGER = System.getLogger(RemoteInstance.class.getName());
    private static final Duration READY_LIMIT = Duration.ofMillis(500);
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(30);

    private final Seat seat;
    private final InstanceContext context;
    private final RemoteLane lane;
    private final List<String> outputs;
    private final WarmUpRecord warmUp;
    private volatile @Nullable Copy copy;
    private volatile boolean isClosed;

    /** The instance as it is in one process. */
    private record Copy(LaneConnection connection, int number) {
    }

    /**
     * Creates it; nothing is in a process yet.
     *
     * @param lane the thread in the process that it belongs to
     */
    RemoteInstance(Seat seat, InstanceContext context, RemoteLane lane) {
        this.seat = seat;
        this.context = context;
        this.lane = lane;
        this.outputs = Seat.outputNames(context.config());
        this.warmUp = new WarmUpRecord(context.config());
    }

    RemoteLane lane() {
        return lane;
    }

    /** Returns whether it was in a process before. */
    boolean wasCreated() {
        return copy != null;
    }

    /** Creates the instance in a process, where it has executed what it did before it served. */
    void createIn(WorkerProcess process) {
        lane.enter();
        try {
            LaneConnection connection = lane.in(process);
            int number = seat.nextInstance();
            connection.call(new Lane.Create(seat.number(), number, context.name(), context.kind(), context.deviceId(),
                    context.group(), context.config(), context.modelFilename()), seat.hangLimit());
            warmUp.replay(connection, number, seat.hangLimit());
            copy = new Copy(connection, number);
            if (isClosed) {
                // Meanwhile, by another thread, which found nothing in this process.
                closeCopy();
            }
        } finally {
            lane.leave();
        }
    }

    @Override
    public void execute(Batch batch) {
        Copy current = copy;
        if (current == null || !current.connection().process().enter()) {
            throw seat.unavailable();
        }
        WorkerProcess process = current.connection().process();
        try {
            Transfer transfer = Transfer.begin(process, batch.requests(), outputs);
            try {
                batch.markComputeStart();
                Lane.Executed executed = current.connection().call(
                        new Lane.Execute(current.number(), transfer.data()), Lane.Executed.class, seat.hangLimit());
                batch.markComputeEnd();
                if (warmUp.isRecording()) {
                    warmUp.record(process, transfer.data());
                }
                transfer.apply(executed);
            } catch (RuntimeException e) {
                transfer.end(e instanceof InferenceException known
                        ? known
                        : InferenceException.internal(process.who() + " failed to execute the request"));
                throw e;
            }
        } finally {
            process.leave();
        }
    }

    @Override
    public boolean isReady() {
        Copy current = copy;
        if (current == null || current.connection().process().isGone()) {
            return false;
        }
        try {
            return current.connection().process().link()
                    .ask(new Control.IsReady(current.number()), Control.Truth.class, READY_LIMIT).value();
        } catch (InferenceException e) {
            return false;
        }
    }

    @Override
    public void close() {
        seat.removed(this);
        isClosed = true;
        try {
            closeCopy();
        } finally {
            lane.leave();
        }
    }

    private void closeCopy() {
        Copy current;
        synchronized (this) {
            current = copy;
            copy = null;
        }
        try {
            if (current != null && !current.connection().process().isGone()) {
                current.connection().call(new Lane.Close(current.number()),
                        Optional.of(seat.hangLimit().orElse(CLOSE_LIMIT)));
            }
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING, () -> "instance '" + context.name() + "' failed to close: " + e.getMessage());
        }
    }
}

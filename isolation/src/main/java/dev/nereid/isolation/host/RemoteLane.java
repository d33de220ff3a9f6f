package dev.nereid.isolation.host;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import org.jspecify.annotations.Nullable;

/**
 * A thread in a worker process, whichever that is at the time, and the instances on it: one, or all of a device where the
 * backend wants them to share a thread. The instances that share one take turns here already.
 */
final class RemoteLane {
    private final Seat seat;
    private final String name;
    @GuardedBy("this")
    private int users;
    @GuardedBy("this")
    private @Nullable LaneConnection connection;

    RemoteLane(Seat seat, String name) {
        this.seat = seat;
        this.name = name;
    }

    /** Notes that an instance belongs to it. */
    synchronized void enter() {
        users++;
    }

    /** Returns the connection to the thread in a process, which is opened where it isn't. */
    synchronized LaneConnection in(WorkerProcess process) {
        LaneConnection current = connection;
        if (current != null && current.process() == process) {
            return current;
        }
        if (current != null) {
            current.process().closeLane(current);
        }
        LaneConnection opened = process.openLane(seat.nextInstance(), name);
        connection = opened;
        return opened;
    }

    /** Notes that an instance is closed; with the last one its thread ends. */
    synchronized void leave() {
        users--;
        LaneConnection current = connection;
        if (users == 0 && current != null) {
            current.process().closeLane(current);
            connection = null;
        }
    }

    synchronized boolean isUsed() {
        return users > 0;
    }
}

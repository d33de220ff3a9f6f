package dev.nereid.isolation.host;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.plugin.BackendHost.Guest;
import dev.nereid.isolation.settings.WorkerSettings;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One process after the other for the same models: whenever one ends by itself, the next is started after a pause, and gets
 * the models of the one before. A worker whose processes end too often is left alone until one of its models is loaded
 * again, which makes another worker.
 *
 * <p>Threads: any. One lock guards the state and is held for moments only. While there is no process that works, one thread
 * waits for the pause to be over and starts the next.
 */
final class Worker {
    private static final Logger LOGGER = System.getLogger(Worker.class.getName());
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(15);
    private static final String UNNEEDED = "was ended, because it is no longer needed";
    private static final String STARTING = "its process is being started";

    private final String who;
    private final WorkerSettings settings;
    private final WorkerLauncher launcher;
    private final Runnable onClosed;
    private final AtomicInteger numbers = new AtomicInteger();
    private final AtomicLong restarts = new AtomicLong();
    private final ReentrantLock stateLock = new ReentrantLock();
    private final Condition isClosingNow = stateLock.newCondition();
    @GuardedBy("stateLock")
    private final List<Seat> seats = new ArrayList<>();
    /** When processes have ended by themselves, in nanoseconds. */
    @GuardedBy("stateLock")
    private final Deque<Long> crashes = new ArrayDeque<>();
    @GuardedBy("stateLock")
    private boolean isClosing;
    /** What is to take the place of the last process, and is given its models. */
    @GuardedBy("stateLock")
    private @Nullable WorkerProcess next;
    private volatile @Nullable WorkerProcess process;
    private volatile Optional<String> outage = Optional.of(STARTING);

    /**
     * Creates it; no process is started yet.
     *
     * @param who names what it is for, as messages begin with
     * @param onClosed is called when its last seat is given up
     */
    Worker(String who, WorkerSettings settings, WorkerLauncher launcher, Runnable onClosed) {
        this.who = who;
        this.settings = settings;
        this.launcher = launcher;
        this.onClosed = onClosed;
        launcher.budget().enter(settings.threads());
    }

    /** Returns a number that was never used before by this worker. */
    int nextNumber() {
        return numbers.incrementAndGet();
    }

    /** Returns why its models can't answer now. */
    Optional<String> outage() {
        WorkerProcess current = process;
        Optional<String> known = outage;
        // Requests may be told of an end before it is noted here.
        return known.isEmpty() && current != null && current.isGone()
                ? Optional.of("its process " + current.knownEnding())
                : known;
    }

    /** Returns how often a process was started after another had ended. */
    long restarts() {
        return restarts.get();
    }

    List<Seat> seats() {
        stateLock.lock();
        try {
            return List.copyOf(seats);
        } finally {
            stateLock.unlock();
        }
    }

    /** Returns the process that works now; empty where none does. */
    Optional<WorkerProcess> working() {
        WorkerProcess current = process;
        return current == null || outage().isPresent() ? Optional.empty() : Optional.of(current);
    }

    /**
     * Returns the process that works now.
     *
     * @throws InferenceException UNAVAILABLE where none does
     */
    WorkerProcess process() {
        Optional<String> reason = outage();
        WorkerProcess current = process;
        if (reason.isPresent() || current == null) {
            throw InferenceException.unavailable(who + ": " + reason.orElse(STARTING));
        }
        return current;
    }

    /**
     * Takes a model in: starts its backend, and before that the process where there is none yet. Returns what stands for the
     * backend; empty where the worker is closing, or its processes end too often.
     *
     * @throws InferenceException with why it can't be started
     */
    Optional<RemoteBackend> admit(Guest guest) {
        Seat seat = new Seat(this, guest, nextNumber(), settings.hangLimit());
        stateLock.lock();
        try {
            if (isClosing || (process != null && outage().isPresent())) {
                return Optional.empty();
            }
            seats.add(seat);
        } finally {
            stateLock.unlock();
        }
        try {
            synchronized (this) {
                if (process == null) {
                    process = start();
                    outage = Optional.empty();
                }
            }
            return Optional.of(new RemoteBackend(seat, startBackend(seat, process())));
        } catch (RuntimeException | Error e) {
            leave(seat);
            throw e;
        }
    }

    private BackendAttributes startBackend(Seat seat, WorkerProcess current) {
        return launcher.startingBackend(seat.guest().backend(), () -> seat.startBackend(current));
    }

    private WorkerProcess start() {
        WorkerProcess[] started = new WorkerProcess[1];
        WorkerProcess fresh = launcher.start(who, settings, () -> ended(started));
        synchronized (started) {
            started[0] = fresh;
        }
        return fresh;
    }

    /** Notes that a process has ended. */
    private void ended(WorkerProcess[] started) {
        WorkerProcess old;
        synchronized (started) {
            old = started[0];
        }
        if (old == null) {
            // It ended while it was being started, which is told to whoever waits for it.
            return;
        }
        Ending ending = old.ending();
        if (old.isAskedToEnd()) {
            return;
        }
        stateLock.lock();
        try {
            if (isClosing) {
                return;
            }
            tell(old, ending);
            if (old != process) {
                return;
            }
            noteCrash();
            outage = Optional.of("its process " + ending.text() + restOfReason());
            if (seats.stream().anyMatch(Seat::isRestorable) && !hasTooManyCrashes()) {
                Thread.ofPlatform().name("nereid-worker-restart").daemon(true).start(this::restart);
            }
        } finally {
            stateLock.unlock();
        }
    }

    private static void tell(WorkerProcess old, Ending ending) {
        String report = ending.report().map(Path::toString).map(path -> "; its crash report: " + path).orElse("");
        LOGGER.log(Level.ERROR, () -> old.who() + ": its process " + old.pid() + " " + ending.text() + report);
    }

    @GuardedBy("stateLock")
    private void noteCrash() {
        long now = System.nanoTime();
        crashes.addLast(now);
        while (!crashes.isEmpty() && now - crashes.getFirst() > settings.crashWindow().toNanos()) {
            crashes.removeFirst();
        }
    }

    @GuardedBy("stateLock")
    private boolean hasTooManyCrashes() {
        return crashes.size() > settings.crashes();
    }

    @GuardedBy("stateLock")
    private String restOfReason() {
        return hasTooManyCrashes()
                ? "; it ended " + crashes.size() + " times within " + settings.crashWindow().toMinutes()
                        + " min and is not started again; load the model again to try"
                : ", and is started again";
    }

    /** Starts processes until one works, or that is given up. */
    private void restart() {
        while (pause()) {
            WorkerProcess fresh = null;
            try {
                fresh = start();
                List<Seat> restored = restoreIn(fresh);
                if (takeOver(fresh, restored)) {
                    return;
                }
            } catch (InferenceException e) {
                if (fresh != null) {
                    fresh.end("was ended, because a model could not be loaded again");
                }
                if (!goesOn(e.getMessage())) {
                    return;
                }
            } catch (RuntimeException | Error e) {
                LOGGER.log(Level.ERROR, who + ": its process can't be started again", e);
                if (fresh != null) {
                    fresh.end("was ended");
                }
                if (!goesOn(String.valueOf(e.getMessage()))) {
                    return;
                }
            }
        }
    }

    /** Loads in a process what was loaded in the last. Returns what is in it then. */
    private List<Seat> restoreIn(WorkerProcess fresh) {
        stateLock.lock();
        try {
            if (isClosing) {
                return List.of();
            }
            next = fresh;
        } finally {
            stateLock.unlock();
        }
        List<Seat> restored = new ArrayList<>();
        for (Seat seat : seats()) {
            if (seat.isLoaded()) {
                BackendAttributes ignored = startBackend(seat, fresh);
                restored.add(seat);
                seat.restore(fresh);
            }
        }
        return restored;
    }

    /** Waits before the next start. Returns whether there is to be one. */
    private boolean pause() {
        stateLock.lock();
        try {
            long left = settings.pauseAfter(crashes.size()).toNanos();
            while (left > 0 && !isClosing) {
                left = isClosingNow.awaitNanos(left);
            }
            return !isClosing;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            stateLock.unlock();
        }
    }

    /** Has a process take the place of the last. Returns false where it has ended already. */
    private boolean takeOver(WorkerProcess fresh, List<Seat> restored) {
        stateLock.lock();
        try {
            if (isClosing) {
                fresh.end(UNNEEDED);
                return true;
            }
            if (fresh.isGone()) {
                return !goesOn("its process " + fresh.ending().text());
            }
            process = fresh;
            next = null;
            outage = Optional.empty();
            restarts.incrementAndGet();
        } finally {
            stateLock.unlock();
        }
        LOGGER.log(Level.INFO, () -> who + " is ready again, in process " + fresh.pid());
        restored.forEach(seat -> seat.endIfLeft(fresh));
        return true;
    }

    private boolean goesOn(String reason) {
        stateLock.lock();
        try {
            if (isClosing) {
                return false;
            }
            noteCrash();
            outage = Optional.of("it could not be started again: " + reason + restOfReason());
            LOGGER.log(Level.ERROR, () -> who + ": it could not be started again: " + reason);
            return !hasTooManyCrashes();
        } finally {
            stateLock.unlock();
        }
    }

    /** Notes that a seat is given up. With the last one, the process ends. */
    void leave(Seat seat) {
        WorkerProcess last;
        stateLock.lock();
        try {
            seats.remove(seat);
            if (!seats.isEmpty() || isClosing) {
                return;
            }
            isClosing = true;
            isClosingNow.signalAll();
            if (next != null) {
                // It may be loading something that never ends.
                next.end(UNNEEDED);
            }
            last = process;
        } finally {
            stateLock.unlock();
        }
        launcher.budget().leave(settings.threads());
        onClosed.run();
        if (last != null) {
            last.close(CLOSE_LIMIT);
        }
    }
}

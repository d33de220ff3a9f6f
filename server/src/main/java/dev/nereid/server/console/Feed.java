package dev.nereid.server.console;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.v2.Category;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes one snapshot a second for all who look, and none while nobody does.
 *
 * <p>Threads: one makes the snapshots, from the first viewer's coming to the last one's going; each viewer waits for them on
 * its own. One lock guards who looks and what there is; snapshots are made outside it.
 */
public final class Feed implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Feed.class.getName());
    private static final int MAX_VIEWERS = 32;

    private final Supplier<List<Part>> source;
    private final Duration interval;
    private final ReentrantLock feedLock = new ReentrantLock();
    private final Condition changed = feedLock.newCondition();
    /** By name, in the order in which they are shown. */
    @GuardedBy("feedLock")
    private final Map<String, Stamped> parts = new LinkedHashMap<>();
    @GuardedBy("feedLock")
    private long number;
    @GuardedBy("feedLock")
    private int viewers;
    @GuardedBy("feedLock")
    private @Nullable Thread maker;
    @GuardedBy("feedLock")
    private boolean isClosed;

    /**
     * A part of what is to be seen.
     *
     * @param name its name
     * @param category who may see it
     * @param json its content; not to be changed
     */
    @SuppressWarnings("ArrayRecordComponent") // Compared by content where it matters.
    public record Part(String name, Category category, byte[] json) {
    }

    /** A part, with the number of the snapshot in which it last changed. */
    private record Stamped(Part part, long since) {
    }

    /**
     * Creates a feed; nothing is made yet.
     *
     * @param source makes the parts of a snapshot; called by one thread at a time
     */
    public Feed(Supplier<List<Part>> source, Duration interval) {
        this.source = source;
        this.interval = interval;
    }

    /**
     * Lets somebody look.
     *
     * @throws InferenceException UNAVAILABLE where too many do, or the server ends
     */
    public Viewer join() {
        feedLock.lock();
        try {
            if (isClosed) {
                throw InferenceException.unavailable("the server ends");
            }
            if (viewers == MAX_VIEWERS) {
                throw InferenceException.unavailable(MAX_VIEWERS
                        + " pages of the console are open already, which is as many as may be; close one");
            }
            viewers++;
            if (maker == null) {
                maker = Thread.ofPlatform().name("nereid-console").daemon(true).start(this::make);
            }
            return new Viewer(number);
        } finally {
            feedLock.unlock();
        }
    }

    private void make() {
        long next = System.nanoTime();
        while (true) {
            List<Part> made = sample();
            feedLock.lock();
            try {
                publish(made);
                next = Math.max(next + interval.toNanos(), System.nanoTime());
                long left = next - System.nanoTime();
                while (left > 0 && viewers > 0 && !isClosed) {
                    left = changed.awaitNanos(left);
                }
                if (viewers == 0 || isClosed) {
                    maker = null;
                    // What the next viewer sees must not be old.
                    parts.clear();
                    return;
                }
            } catch (InterruptedException e) {
                maker = null;
                return;
            } finally {
                feedLock.unlock();
            }
        }
    }

    /** A part that can't be made must not end the console. */
    private List<Part> sample() {
        try {
            return source.get();
        } catch (RuntimeException | VirtualMachineError | LinkageError e) {
            LOGGER.log(Level.WARNING, "the console's snapshot can't be made", e);
            return List.of();
        }
    }

    @GuardedBy("feedLock")
    private void publish(List<Part> made) {
        number++;
        for (Part part : made) {
            Stamped before = parts.get(part.name());
            if (before == null || !Arrays.equals(before.part().json(), part.json())) {
                parts.put(part.name(), new Stamped(part, number));
            }
        }
        changed.signalAll();
    }

    /** Ends what all viewers see. */
    @Override
    public void close() {
        feedLock.lock();
        try {
            isClosed = true;
            changed.signalAll();
        } finally {
            feedLock.unlock();
        }
    }

    /** Returns whether snapshots are being made. */
    boolean isRunning() {
        feedLock.lock();
        try {
            return maker != null;
        } finally {
            feedLock.unlock();
        }
    }

    /** Somebody who looks. For one thread. */
    public final class Viewer implements AutoCloseable {
        private static final long NOTHING = -1;

        private final long joinedAt;
        private long seen = NOTHING;
        private boolean hasLeft;

        private Viewer(long joinedAt) {
            this.joinedAt = joinedAt;
        }

        /**
         * Waits for the next snapshot and returns what of it is new, which may be nothing; empty where there will be none any
         * more.
         */
        public Optional<List<Part>> next() throws InterruptedException {
            feedLock.lockInterruptibly();
            try {
                while (!isClosed && (seen == NOTHING ? parts.isEmpty() && number == joinedAt : number == seen)) {
                    changed.await();
                }
                if (isClosed) {
                    return Optional.empty();
                }
                List<Part> news = parts.values().stream().filter(each -> each.since() > seen).map(Stamped::part)
                        .toList();
                seen = number;
                return Optional.of(news);
            } finally {
                feedLock.unlock();
            }
        }

        /** Looks no longer. */
        @Override
        public void close() {
            feedLock.lock();
            try {
                if (!hasLeft) {
                    hasLeft = true;
                    viewers--;
                    changed.signalAll();
                }
            } finally {
                feedLock.unlock();
            }
        }
    }
}

package dev.nereid.tools.perf;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * The sequences that are under way at a time. Each has one request under way at most; where one has ended, another begins.
 * Any thread may call.
 */
final class SequencePool {
    private final Settings settings;
    private final SplittableRandom random;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition isGivenBack = lock.newCondition();

    @GuardedBy("lock")
    private final Queue<Sequence> free = new ArrayDeque<>();

    @GuardedBy("lock")
    private long nextId;

    /**
     * What sequences look like.
     *
     * @param length how many requests a sequence has
     * @param variation by how many percent of that it may have more or fewer
     * @param firstId the id of the first sequence
     * @param lastId the id after which the first one is used again
     * @param seed what the lengths depend on
     */
    record Settings(int length, double variation, long firstId, long lastId, long seed) {
    }

    /** A sequence. Between {@link #take} and {@link #giveBack} it belongs to one thread. */
    static final class Sequence {
        private final long id;
        private final int length;
        private int sent;

        private Sequence(long id, int length) {
            this.id = id;
            this.length = length;
        }

        /** Returns the place of the next request. */
        SequencePlace next() {
            sent++;
            return new SequencePlace(id, sent == 1, sent == length);
        }

        /** Returns whether requests were sent, but not all. */
        private boolean isOpen() {
            return sent > 0 && sent < length;
        }
    }

    /**
     * Creates a pool.
     *
     * @param count how many sequences are under way at a time
     */
    SequencePool(int count, Settings settings) {
        this.settings = settings;
        this.random = new SplittableRandom(settings.seed());
        this.nextId = settings.firstId();
        for (int i = 0; i < count; i++) {
            free.add(begin());
        }
    }

    @GuardedBy("lock")
    private Sequence begin() {
        long id = nextId;
        nextId = nextId == settings.lastId() ? settings.firstId() : nextId + 1;
        int spread = (int) Math.round(settings.length() * settings.variation() / 100);
        int length = settings.length() + (spread == 0 ? 0 : random.nextInt(-spread, spread + 1));
        return new Sequence(id, Math.max(1, length));
    }

    /** Waits for a sequence without a request under way: the one that has waited longest. */
    Sequence take() throws InterruptedException {
        lock.lockInterruptibly();
        try {
            while (free.isEmpty()) {
                isGivenBack.await();
            }
            return free.remove();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Gives a sequence back; another takes its place where it has ended, or can't go on.
     *
     * @param isGood whether its last request succeeded
     */
    void giveBack(Sequence sequence, boolean isGood) {
        lock.lock();
        try {
            free.add(isGood && sequence.isOpen() ? sequence : begin());
            isGivenBack.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Ends all sequences, and returns the last places of those that were begun and are not under way. */
    List<SequencePlace> end() {
        lock.lock();
        try {
            List<SequencePlace> ends = free.stream().filter(Sequence::isOpen)
                    .map(sequence -> new SequencePlace(sequence.id, false, true)).toList();
            free.clear();
            return ends;
        } finally {
            lock.unlock();
        }
    }
}

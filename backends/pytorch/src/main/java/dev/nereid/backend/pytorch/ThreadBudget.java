package dev.nereid.backend.pytorch;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.OptionalInt;

/**
 * Divides the usable cores among the CPU instances of all loaded models.
 *
 * <p>OpenMP's thread count belongs to the calling thread, so each instance applies its own share on its own thread,
 * before an execution and only when the share has changed. OpenBLAS has one count for the process, set here. Instances
 * come and go on any thread, under this object's monitor; executions only read a volatile field.
 */
final class ThreadBudget {
    private static final Logger LOGGER = System.getLogger(ThreadBudget.class.getName());

    private final int cores;
    private final NativeThreads threads;

    @GuardedBy("this")
    private int sharing;
    @GuardedBy("this")
    private int fixedThreads;
    @GuardedBy("this")
    private int interOp;

    private volatile int share;

    /** What libtorch and OpenBLAS are told. */
    interface NativeThreads {
        /** Sets the threads that one execution uses, for the calling thread. */
        void setIntraOp(int count);

        /** Sets the threads of asynchronous tasks; possible once, before the first such task. */
        boolean setInterOp(int count);

        /** Returns the threads of asynchronous tasks. */
        int interOp();

        /** Sets the threads of OpenBLAS, for the process. */
        void setBlas(int count);
    }

    private ThreadBudget(int cores, NativeThreads threads) {
        this.cores = cores;
        this.threads = threads;
        this.share = cores;
    }

    static ThreadBudget create(TorchSettings settings, NativeThreads threads) {
        threads.setBlas(settings.blasThreads());
        LOGGER.log(Level.INFO, () -> "PyTorch threads: " + settings.cores()
                + " cores usable, divided by the CPU instances of all models; OpenBLAS " + settings.blasThreads()
                + ", since its threads compete with OpenMP's");
        return new ThreadBudget(settings.cores(), threads);
    }

    /**
     * Bounds the pool for asynchronous tasks, before a model uses it that does not say how large it is to be. Only where
     * libtorch would start more threads than there are cores: it can be set only once, and a later model may want to.
     */
    synchronized void boundInterOp() {
        if (interOp == 0 && threads.interOp() > cores && threads.setInterOp(cores)) {
            interOp = cores;
            LOGGER.log(Level.INFO, () -> "PyTorch threads: " + cores + " for asynchronous tasks");
        }
    }

    /** Sets the pool for asynchronous tasks; the first model that asks wins. */
    synchronized void requestInterOp(String model, int count) {
        if (interOp == count) {
            return;
        }
        if (interOp == 0 && threads.setInterOp(count)) {
            interOp = count;
            LOGGER.log(Level.INFO, () -> "PyTorch threads: model '" + model + "' sets asynchronous tasks to " + count);
            return;
        }
        LOGGER.log(Level.WARNING, () -> "model '" + model + "' asks for INTER_OP_THREAD_COUNT " + count
                + ", which is fixed at " + threads.interOp() + " in this process");
    }

    /** Takes a share for one CPU instance; called on the instance's thread. */
    synchronized Lease lease(OptionalInt fixed) {
        if (fixed.isPresent()) {
            fixedThreads += fixed.getAsInt();
        } else {
            sharing++;
        }
        divide();
        return new Lease(fixed);
    }

    private synchronized void giveBack(OptionalInt fixed) {
        if (fixed.isPresent()) {
            fixedThreads -= fixed.getAsInt();
        } else {
            sharing--;
        }
        divide();
    }

    @GuardedBy("this")
    private void divide() {
        int left = Math.max(1, cores - fixedThreads);
        int next = Math.max(1, left / Math.max(1, sharing));
        if (next != share) {
            share = next;
            int instances = sharing;
            LOGGER.log(Level.INFO, () -> "PyTorch threads: " + left + " cores, " + instances + " CPU instances: " + next
                    + " for each execution");
        }
    }

    /** One instance's part. Used on the instance's thread, closed on any. */
    final class Lease implements AutoCloseable {
        private final OptionalInt fixed;
        private volatile int limit = Integer.MAX_VALUE;
        private int applied;

        private Lease(OptionalInt fixed) {
            this.fixed = fixed;
        }

        /** Makes the calling thread use this instance's share. */
        void apply() {
            int wanted = threads();
            if (wanted != applied) {
                threads.setIntraOp(wanted);
                applied = wanted;
            }
        }

        int threads() {
            return fixed.isPresent() ? fixed.getAsInt() : Math.min(share, limit);
        }

        /** Returns whether nobody has said how many threads the instance is to use. */
        boolean isOpen() {
            return fixed.isEmpty();
        }

        /** Makes the instance use no more than that, however large its share is. */
        void limit(int count) {
            limit = count;
        }

        @Override
        public void close() {
            giveBack(fixed);
        }
    }
}

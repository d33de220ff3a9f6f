package dev.nereid.engine.instance;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.stats.FailureReason;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.CountDownLatch;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A model instance and the thread that drives it.
 *
 * <p>A confined instance is created, executed and closed on one platform thread, which other instances on its device may
 * share. Where the backend allows any thread,
 * executions that are measured to be short run on the thread of a request, which saves two hand-offs; long ones still go
 * to the instance's own thread, since native code pins the carrier of a virtual thread. The choice has hysteresis, so
 * that it does not swing.
 *
 * <p>The scheduler sees to it that one thread at a time uses an instance.
 */
public final class Instance implements AutoCloseable {
    /** From this mean duration down an execution is short. */
    public static final long SHORT_NANOS = 150_000;
    /** From this mean duration up it is long again. */
    public static final long LONG_NANOS = 400_000;
    /** An execution of more than this is no quick one, whatever the mean. */
    static final long QUICK_NANOS = 5_000_000;
    /** Whoever shares a thread notices an execution of more than this. */
    static final long STALL_NANOS = 100_000_000;
    /** So many executions in a row have to be quick before one runs on a thread that many clients need. */
    static final int STEADY_AFTER = 1_000;
    /** So many more after one that everybody noticed. */
    static final int STEADY_AFTER_STALL = 100_000;
    private static final int MEAN_WEIGHT = 8;

    private final String name;
    private final boolean isConfined;
    private final ClassLoader pluginLoader;
    private final InstanceThread thread;
    private final RateLimiter.@Nullable Claim claim;
    private final AtomicBoolean isClosing = new AtomicBoolean();
    private volatile @Nullable ModelInstance model;

    private long meanNanos = -1;
    private volatile boolean isShort;
    /** How many executions in a row were quick; less than none after one that stalled others. */
    private volatile int quickInRow;

    private Instance(String name, ThreadConfinement confinement, ClassLoader pluginLoader, InstanceThread thread,
            RateLimiter.@Nullable Claim claim) {
        this.name = name;
        this.isConfined = confinement == ThreadConfinement.OWN_THREAD;
        this.pluginLoader = pluginLoader;
        this.thread = thread;
        this.claim = claim;
    }

    /**
     * Creates an instance with a thread of its own.
     *
     * @param name names the thread
     * @param pluginLoader the backend's class loader, which its code sees as context class loader
     * @param creator calls the backend; runs on the instance's own thread
     */
    public static Instance create(String name, ThreadConfinement confinement, ClassLoader pluginLoader,
            Supplier<ModelInstance> creator) {
        InstanceThread thread = InstanceThread.start(name, pluginLoader, false);
        try {
            return create(name, confinement, pluginLoader, thread, null, creator);
        } finally {
            thread.release();
        }
    }

    /**
     * Creates an instance.
     *
     * @param pluginLoader the backend's class loader
     * @param thread drives the instance
     * @param claim what the rate limiter gives it; null where there is none. The instance closes it, also when its
     *     creation fails
     * @param creator calls the backend; runs on the thread
     */
    public static Instance create(String name, ThreadConfinement confinement, ClassLoader pluginLoader,
            InstanceThread thread, RateLimiter.@Nullable Claim claim, Supplier<ModelInstance> creator) {
        if (!thread.retain()) {
            throw new IllegalStateException("the thread of instance '" + name + "' has ended");
        }
        Instance instance = new Instance(name, confinement, pluginLoader, thread, claim);
        try {
            instance.call(() -> instance.model = creator.get());
        } catch (Throwable e) {
            instance.close();
            throw e;
        }
        return instance;
    }

    /** Returns the instance's name. */
    public String name() {
        return name;
    }

    /** Returns whether the backend says that the instance can serve; a closed one can't. */
    public boolean isReady() {
        ModelInstance current = model;
        return current != null && current.isReady();
    }

    private ModelInstance model() {
        ModelInstance current = model;
        if (current == null) {
            throw new IllegalStateException("instance '" + name + "' is closed");
        }
        return current;
    }

    /** Runs something on the instance's own thread and waits for it; for creation, warm-up and closing. */
    public void call(Runnable task) {
        thread.call(task);
    }

    /**
     * Executes requests on the instance's own thread, outside any queue; for warm-up. Returns when all are answered, also
     * those that the backend answers later.
     */
    public void execute(List<ActiveRequest> requests, LongSupplier clock) {
        CountDownLatch late = new CountDownLatch(requests.size());
        call(() -> {
            InferenceException failure = InferenceException.internal("instance '" + name + "' did not answer");
            ExecutionBatch batch = new ExecutionBatch(requests, clock);
            batch.start();
            try {
                execute(batch);
            } catch (InferenceException e) {
                failure = e;
            }
            for (ActiveRequest request : requests) {
                if (!request.leavesBatch(answered -> {
                    answered.deliver();
                    late.countDown();
                })) {
                    // One round is enough.
                    request.endAgain();
                    request.failUnanswered(failure, FailureReason.BACKEND);
                    request.deliver();
                    late.countDown();
                }
            }
        });
        awaitAll(late);
    }

    private static void awaitAll(CountDownLatch latch) {
        boolean interrupted = false;
        while (true) {
            try {
                latch.await();
                break;
            } catch (InterruptedException e) {
                // The inputs' memory is in use until the end.
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Hands the execution of a batch to the instance's own thread. */
    public void handOff(Runnable work) {
        thread.add(work);
    }

    public boolean isOwnThread() {
        return thread.isCurrent();
    }

    public InstanceThread thread() {
        return thread;
    }

    /** Returns what the rate limiter gives the instance; null where there is none. */
    public RateLimiter.@Nullable Claim claim() {
        return claim;
    }

    /** Returns whether the next execution should run on the thread of a request. */
    public boolean prefersRequestThread() {
        return isShort && !isConfined;
    }

    /**
     * Returns whether executions have been short for so long that the next may run on a thread which must not wait, such as
     * one that serves many connections.
     */
    public boolean isSteadilyShort() {
        return prefersRequestThread() && quickInRow >= STEADY_AFTER;
    }

    /** Executes a batch on the current thread. */
    void execute(Batch batch) {
        if (isOwnThread()) {
            model().execute(batch);
            return;
        }
        Thread current = Thread.currentThread();
        ClassLoader before = current.getContextClassLoader();
        current.setContextClassLoader(pluginLoader);
        try {
            model().execute(batch);
        } finally {
            current.setContextClassLoader(before);
        }
    }

    /** Notes how long an execution took. Called by the thread that uses the instance. */
    public void noteDuration(long nanos) {
        meanNanos = meanNanos < 0 ? nanos : meanNanos + (nanos - meanNanos) / MEAN_WEIGHT;
        if (isShort ? meanNanos > LONG_NANOS : meanNanos < SHORT_NANOS) {
            isShort = !isShort;
        }
        int quick = quickInRow;
        if (nanos > STALL_NANOS) {
            quickInRow = -STEADY_AFTER_STALL;
        } else if (nanos > QUICK_NANOS) {
            quickInRow = Math.min(quick, 0);
        } else if (quick < STEADY_AFTER) {
            quickInRow = quick + 1;
        }
    }

    /**
     * Closes the model instance on its own thread, and ends the thread where no other instance uses it. Called after the
     * last execution; further calls do nothing.
     */
    @Override
    public void close() {
        if (isOwnThread()) {
            throw new IllegalStateException("an instance can't be closed by its own thread");
        }
        if (isClosing.getAndSet(true)) {
            return;
        }
        try {
            call(() -> {
                ModelInstance old = model;
                model = null;
                if (old != null) {
                    old.close();
                }
            });
        } finally {
            thread.release();
            if (claim != null) {
                claim.close();
            }
        }
    }
}

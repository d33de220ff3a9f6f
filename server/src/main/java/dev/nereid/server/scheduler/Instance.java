package dev.nereid.server.scheduler;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.server.stats.FailureReason;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A model instance and the thread that drives it.
 *
 * <p>A confined instance is created, executed and closed on one platform thread. Where the backend allows any thread,
 * executions that are measured to be short run on the thread of a request, which saves two hand-offs; long ones still go
 * to the instance's own thread, since native code pins the carrier of a virtual thread. The choice has hysteresis, so
 * that it does not swing.
 *
 * <p>The dispatcher sees to it that one thread at a time uses an instance.
 */
public final class Instance implements AutoCloseable {
    /** From this mean duration down an execution is short. */
    static final long SHORT_NANOS = 150_000;
    /** From this mean duration up it is long again. */
    static final long LONG_NANOS = 400_000;
    private static final int MEAN_WEIGHT = 8;
    private static final Logger LOGGER = System.getLogger(Instance.class.getName());

    private final String name;
    private final boolean isConfined;
    private final LinkedTransferQueue<Runnable> tasks = new LinkedTransferQueue<>();
    private final ClassLoader pluginLoader;
    private final Thread thread;
    private final AtomicBoolean isClosing = new AtomicBoolean();
    private volatile @Nullable ModelInstance model;
    /** Used by the instance's own thread. */
    private boolean isClosed;

    private long meanNanos = -1;
    private volatile boolean isShort;

    private Instance(String name, ThreadConfinement confinement, ClassLoader pluginLoader) {
        this.name = name;
        this.isConfined = confinement == ThreadConfinement.OWN_THREAD;
        this.pluginLoader = pluginLoader;
        this.thread = Thread.ofPlatform().name(name).daemon(true).unstarted(this::loop);
        thread.setContextClassLoader(pluginLoader);
    }

    /**
     * Creates an instance.
     *
     * @param name names the thread
     * @param pluginLoader the backend's class loader, which its code sees as context class loader
     * @param creator calls the backend; runs on the instance's own thread
     */
    public static Instance create(String name, ThreadConfinement confinement, ClassLoader pluginLoader,
            Supplier<ModelInstance> creator) {
        Instance instance = new Instance(name, confinement, pluginLoader);
        instance.thread.start();
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
        CompletableFuture<Void> done = new CompletableFuture<>();
        tasks.add(() -> {
            try {
                task.run();
                done.complete(null);
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        });
        try {
            done.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            if (e.getCause() instanceof Error cause) {
                throw cause;
            }
            throw e;
        }
    }

    /** Executes requests on the instance's own thread, outside any queue; for warm-up. */
    public void execute(List<EngineRequest> requests, LongSupplier clock) {
        call(() -> {
            InferenceException failure = InferenceException.internal("instance '" + name + "' did not answer");
            try {
                execute(new ExecutionBatch(requests, clock));
            } catch (InferenceException e) {
                failure = e;
            }
            for (EngineRequest request : requests) {
                request.failUnanswered(failure, FailureReason.BACKEND);
                request.deliver();
            }
        });
    }

    /** Hands a batch to the instance's own thread. */
    void handOff(Assignment work) {
        tasks.add(work);
    }

    boolean isOwnThread() {
        return Thread.currentThread() == thread;
    }

    /** Returns whether the next execution should run on the thread of a request. */
    boolean prefersRequestThread() {
        return isShort && !isConfined;
    }

    /** Executes a batch on the current thread. */
    void execute(Batch batch) {
        Thread current = Thread.currentThread();
        if (current == thread) {
            model().execute(batch);
            return;
        }
        ClassLoader before = current.getContextClassLoader();
        current.setContextClassLoader(pluginLoader);
        try {
            model().execute(batch);
        } finally {
            current.setContextClassLoader(before);
        }
    }

    /** Notes how long an execution took. Called by the thread that uses the instance. */
    void noteDuration(long nanos) {
        meanNanos = meanNanos < 0 ? nanos : meanNanos + (nanos - meanNanos) / MEAN_WEIGHT;
        if (isShort ? meanNanos > LONG_NANOS : meanNanos < SHORT_NANOS) {
            isShort = !isShort;
        }
    }

    private void loop() {
        while (!isClosed) {
            try {
                tasks.take().run();
            } catch (InterruptedException e) {
                // Only code of the backend itself can do this; the instance must stay in service.
                LOGGER.log(Level.DEBUG, () -> "instance '" + name + "' was interrupted");
            }
        }
    }

    /**
     * Closes the model instance on its own thread and ends the thread. Called after the last execution; further calls do
     * nothing.
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
                isClosed = true;
                if (old != null) {
                    old.close();
                }
            });
        } finally {
            join();
        }
    }

    private void join() {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}

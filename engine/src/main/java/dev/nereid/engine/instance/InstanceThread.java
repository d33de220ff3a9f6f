package dev.nereid.engine.instance;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.LinkedTransferQueue;

/**
 * A platform thread that drives instances: one in most cases, all of a device where the backend's execution policy says
 * so. It starts with the first call and ends when the last instance on it is closed.
 *
 * <p>Whoever makes one holds it like an instance does, so that an instance whose creation fails does not end a thread
 * that others are about to use.
 */
public final class InstanceThread {
    private static final Logger LOGGER = System.getLogger(InstanceThread.class.getName());

    private final LinkedTransferQueue<Runnable> tasks = new LinkedTransferQueue<>();
    private final Thread thread;
    private final boolean isShared;
    /** Guarded by this. */
    private int users = 1;
    /** Used by the thread itself. */
    private boolean isEnding;
    /** Guarded by the lock of the scheduler that the instances belong to: whether one of them has work. */
    private boolean isBusy;

    private InstanceThread(String name, ClassLoader pluginLoader, boolean isShared) {
        this.isShared = isShared;
        thread = Thread.ofPlatform().name(name).daemon(true).unstarted(this::loop);
        thread.setContextClassLoader(pluginLoader);
    }

    /**
     * Starts a thread. Who calls this lets go of it with {@link #release()}.
     *
     * @param pluginLoader the backend's class loader, which its code sees as context class loader
     * @param isShared whether it is to drive several instances
     */
    public static InstanceThread start(String name, ClassLoader pluginLoader, boolean isShared) {
        InstanceThread started = new InstanceThread(name, pluginLoader, isShared);
        started.thread.start();
        return started;
    }

    /** Holds the thread for one user more; returns false where it has ended. */
    public synchronized boolean retain() {
        if (users == 0) {
            return false;
        }
        users++;
        return true;
    }

    /** Lets go of the thread; the last to do so waits for its end. */
    public void release() {
        synchronized (this) {
            users--;
            if (users > 0) {
                return;
            }
        }
        add(() -> isEnding = true);
        join();
    }

    /** Runs something on the thread after all that it has to do already. */
    void add(Runnable task) {
        tasks.add(task);
    }

    /** Runs something on the thread and waits for it. */
    void call(Runnable task) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        add(() -> {
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

    /** Returns whether the thread may drive more than one instance. */
    public boolean isShared() {
        return isShared;
    }

    /** Returns whether the thread runs. */
    public boolean isAlive() {
        return thread.isAlive();
    }

    boolean isCurrent() {
        return Thread.currentThread() == thread;
    }

    boolean isBusy() {
        return isBusy;
    }

    public void setBusy(boolean value) {
        isBusy = value;
    }

    private void loop() {
        while (!isEnding) {
            try {
                tasks.take().run();
            } catch (InterruptedException e) {
                // Only code of the backend itself can do this; the thread must stay in service.
                LOGGER.log(Level.DEBUG, () -> "thread '" + thread.getName() + "' was interrupted");
            } catch (RuntimeException | Error e) {
                // Nothing should come as far as this; a thread that ended would leave its instances waiting for ever.
                LOGGER.log(Level.ERROR, "thread '" + thread.getName() + "' failed", e);
            }
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

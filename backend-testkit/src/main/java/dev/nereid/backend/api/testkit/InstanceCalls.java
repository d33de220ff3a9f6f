package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Calls into one instance (or all of one device), one at a time: on one platform thread where the backend is confined,
 * else on a new thread for every call, so that hidden confinement shows.
 */
final class InstanceCalls implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofMinutes(2);

    private final String name;
    private final @Nullable ExecutorService ownThread;
    private final ReentrantLock oneCallAtATime = new ReentrantLock();

    InstanceCalls(String name, ThreadConfinement confinement) {
        this.name = name;
        this.ownThread = switch (confinement) {
            case OWN_THREAD -> Executors.newSingleThreadExecutor(Thread.ofPlatform().daemon().name(name).factory());
            case ANY_THREAD -> null;
        };
    }

    /** Runs the call there and returns its result or throws what it threw. */
    <T> T call(Callable<T> call) {
        oneCallAtATime.lock();
        try {
            FutureTask<T> task = new FutureTask<>(call);
            if (ownThread != null) {
                ownThread.execute(task);
            } else {
                Thread.ofPlatform().daemon().name(name + "-any").start(task);
            }
            return task.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            throw rethrow(e.getCause());
        } catch (TimeoutException e) {
            throw new AssertionError("a call into instance '" + name + "' did not return within " + PATIENCE, e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        } finally {
            oneCallAtATime.unlock();
        }
    }

    private static RuntimeException rethrow(@Nullable Throwable thrown) {
        return switch (thrown) {
            case RuntimeException e -> e;
            case Error e -> throw e;
            case null, default -> new IllegalStateException(thrown);
        };
    }

    @Override
    public void close() {
        if (ownThread != null) {
            ownThread.shutdown();
        }
    }
}

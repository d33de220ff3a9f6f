package dev.nereid.engine.gpu;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;

/** The one thread that has contexts on devices. What it is asked is always finished, since it uses the asker's memory. */
final class ContextThread implements AutoCloseable {
    private final ExecutorService thread = Executors
            .newSingleThreadExecutor(Thread.ofPlatform().name("nereid-gpu").daemon(true).factory());

    /** Does something on the thread and waits for it. */
    <T> T call(Callable<T> action) throws GpuException {
        Future<T> result;
        try {
            result = thread.submit(action);
        } catch (RejectedExecutionException e) {
            throw new GpuException("the server is stopping");
        }
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return result.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    switch (e.getCause()) {
                        case GpuException cause -> throw cause;
                        case RuntimeException cause -> throw cause;
                        case null, default -> throw new IllegalStateException(e.getCause());
                    }
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    @Override
    public void close() {
        thread.shutdown();
    }
}

package dev.nereid.backend.tensorrt;

import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Native things that one object owns; closed in reverse order, each once, whatever the others do. */
final class Owned implements AutoCloseable {
    private final Deque<Runnable> closers = new ArrayDeque<>();

    /** Takes something over. */
    <T> T add(T resource, Runnable closer) {
        closers.push(closer);
        return resource;
    }

    @Override
    public void close() {
        RuntimeException failure = null;
        while (!closers.isEmpty()) {
            try {
                closers.pop().run();
            } catch (RuntimeException e) {
                failure = joined(failure, e);
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    /** Closes what was taken over so far because of a failure, which keeps what goes wrong meanwhile. */
    void closeAfter(Throwable failure) {
        try {
            close();
        } catch (RuntimeException e) {
            failure.addSuppressed(e);
        }
    }

    private static RuntimeException joined(@Nullable RuntimeException first, RuntimeException next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }
}

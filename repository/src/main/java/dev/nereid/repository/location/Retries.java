package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.StorageException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/** Asks object storage again where that may help, after pauses that grow. Threads: any. */
final class Retries {
    private static final Logger LOGGER = System.getLogger(Retries.class.getName());

    /** How often to ask before it is given up, and how long to wait in between. */
    record Policy(int attempts, Duration firstPause, Duration longestPause) {
        /** Three to six seconds in all. */
        static final Policy DEFAULT = new Policy(6, Duration.ofMillis(200), Duration.ofSeconds(5));
    }

    private final Policy policy;
    private final CountDownLatch closed = new CountDownLatch(1);

    Retries(Policy policy) {
        this.policy = policy;
    }

    /** Ends pauses, and lets nothing begin. */
    void close() {
        closed.countDown();
    }

    boolean isClosed() {
        return closed.getCount() == 0;
    }

    /**
     * Asks.
     *
     * @param what for the log
     * @throws StorageException the last failure
     * @throws InferenceException UNAVAILABLE when the place is closed meanwhile
     */
    <T> T call(String what, Supplier<T> call) {
        for (int attempt = 1;; attempt++) {
            try {
                return call.get();
            } catch (StorageException e) {
                pause(what, attempt, e);
            }
        }
    }

    /** Waits before the next attempt; throws {@code failure} where there is to be none. */
    void pause(String what, int failedAttempts, StorageException failure) {
        if (isClosed()) {
            throw stopping();
        }
        if (failure.kind() != StorageException.Kind.UNAVAILABLE || failedAttempts >= policy.attempts()) {
            throw failure;
        }
        long longest = policy.longestPause().toMillis();
        long pause = Math.min(longest, policy.firstPause().toMillis() << Math.min(20, failedAttempts - 1));
        // Many servers that lost one store must not come back at the same moment.
        long millis = pause / 2 + ThreadLocalRandom.current().nextLong(pause / 2 + 1);
        LOGGER.log(Level.DEBUG, () -> what + " is tried again in " + millis + " ms: " + failure.getMessage());
        try {
            if (closed.await(millis, TimeUnit.MILLISECONDS)) {
                throw stopping();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw failure;
        }
    }

    static InferenceException stopping() {
        return InferenceException.unavailable("the server is stopping");
    }
}

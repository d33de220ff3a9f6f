package dev.nereid.engine.schedule;

import dev.nereid.backend.api.testkit.Eventually;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** Waits in tests, with a limit that only a hanging test reaches. */
final class Waiting {
    private static final long LIMIT_SECONDS = 30;

    private Waiting() {
    }

    static void on(CountDownLatch latch) {
        boolean interrupted = false;
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(LIMIT_SECONDS);
        try {
            while (true) {
                try {
                    if (!latch.await(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                        throw new AssertionError("nothing happened for " + LIMIT_SECONDS + " s");
                    }
                    return;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Waits for what another thread does right after something that the test has already seen. */
    static void until(String what, BooleanSupplier condition) {
        Eventually.until(what, condition::getAsBoolean);
    }
}

package dev.nereid.tools.perf;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Tells the measurement that it shall end early. Any thread may call. */
final class StopSignal {
    private final CountDownLatch stopped = new CountDownLatch(1);

    /** Ends the measurement. */
    void stop() {
        stopped.countDown();
    }

    boolean isStopped() {
        return stopped.getCount() == 0;
    }

    /** Waits that long, or less when the measurement is ended. */
    void await(long nanos) {
        try {
            if (stopped.await(nanos, TimeUnit.NANOSECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stop();
        }
    }
}

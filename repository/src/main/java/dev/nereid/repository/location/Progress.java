package dev.nereid.repository.location;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/** Tells the log how far a long download is. Threads: any. */
final class Progress {
    private static final Logger LOGGER = System.getLogger(Progress.class.getName());
    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final double MIB = 1 << 20;

    private final String model;
    private final long total;
    private final LongSupplier nanoTime;
    private final long start;
    private long lastTold;
    private long received;

    /**
     * Starts to count.
     *
     * @param total bytes that are to come
     */
    Progress(String model, long total, LongSupplier nanoTime) {
        this.model = model;
        this.total = total;
        this.nanoTime = nanoTime;
        this.start = nanoTime.getAsLong();
        this.lastTold = start;
    }

    /** Counts bytes that have come. */
    void add(int bytes) {
        String text;
        synchronized (this) {
            received += bytes;
            long now = nanoTime.getAsLong();
            if (now - lastTold < INTERVAL_NANOS) {
                return;
            }
            lastTold = now;
            text = text(now);
        }
        LOGGER.log(Level.INFO, text);
    }

    /** Returns how many bytes have come. */
    synchronized long received() {
        return received;
    }

    /** Returns for how long bytes have come, in seconds. */
    double seconds() {
        return (nanoTime.getAsLong() - start) / 1e9;
    }

    private String text(long now) {
        double rate = received / Math.max(1e-9, (now - start) / 1e9);
        return String.format(Locale.ROOT, "fetching model '%s': %.0f of %.0f MiB, %.1f MiB/s, %.0f s to go", model,
                received / MIB, total / MIB, rate / MIB, (total - received) / Math.max(1, rate));
    }
}

package dev.nereid.server;

import java.lang.management.ManagementFactory;
import java.util.Locale;

/**
 * The memory that this process may use, and what of it is for what. {@code docs/operating.md} has the formula.
 *
 * @param totalBytes of the machine, or of the container where that allows less
 * @param heapBytes the most that the Java heap may have
 */
public record ProcessMemory(long totalBytes, long heapBytes) {
    /** What the process has without models and requests: the JVM, its code and classes, and the libraries of a backend. */
    static final long OWN_BYTES = 384L << 20;
    private static final long MIN_IN_FLIGHT_BYTES = 64L << 20;
    private static final long BYTES_PER_CONNECTION = 64 * 1024;

    /** Returns that of this process. */
    public static ProcessMemory now() {
        long heap = Runtime.getRuntime().maxMemory();
        return ManagementFactory
                .getOperatingSystemMXBean() instanceof com.sun.management.OperatingSystemMXBean system
                        ? new ProcessMemory(system.getTotalMemorySize(), heap)
                        : new ProcessMemory(4 * heap, heap);
    }

    /**
     * Returns how many bytes requests and responses may have where nobody says otherwise: half of what there is beside the
     * heap and the process itself. The other half is for models: weights, and what they compute with.
     */
    public long inFlightBytes() {
        return Math.max(MIN_IN_FLIGHT_BYTES, (totalBytes - heapBytes - OWN_BYTES) / 2);
    }

    /** Returns how many connections half of the heap has room for: each may send long headers. */
    public int connections() {
        return (int) Math.min(Integer.MAX_VALUE, heapBytes / 2 / BYTES_PER_CONNECTION);
    }

    /**
     * Returns a text for people.
     *
     * @param inFlightBytes what requests and responses may have
     */
    public String text(long inFlightBytes) {
        return sizeText(totalBytes) + "; Java heap up to " + sizeText(heapBytes)
                + ", requests and responses up to " + sizeText(inFlightBytes);
    }

    /** Returns a number of bytes as people read it. */
    public static String sizeText(long bytes) {
        return bytes >= 1L << 30
                ? String.format(Locale.ROOT, "%.1f GiB", bytes / (double) (1L << 30))
                : (bytes >> 20) + " MiB";
    }
}

package dev.nereid.server;

import com.sun.management.UnixOperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/**
 * The file descriptors of this process, of which each connection takes one.
 *
 * @param limit how many it may have; {@link Long#MAX_VALUE} where that is not known
 * @param open how many it has
 */
public record FileDescriptors(long limit, long open) {
    /** So many connections are enough for anybody. */
    public static final int MAX_CONNECTIONS = 10_000;
    /** Fewer connections than these are not worth a server. */
    private static final int MIN_CONNECTIONS = 16;
    /** For models, their libraries, shared memory and logs. */
    private static final int RESERVED = 64;
    private static final int MIN_METRICS_CONNECTIONS = 8;
    private static final int MAX_METRICS_CONNECTIONS = 256;

    /** Returns those of this moment. */
    public static FileDescriptors now() {
        return ManagementFactory.getOperatingSystemMXBean() instanceof UnixOperatingSystemMXBean system
                ? new FileDescriptors(system.getMaxFileDescriptorCount(), system.getOpenFileDescriptorCount())
                : new FileDescriptors(Long.MAX_VALUE, 0);
    }

    /** Returns how many connections may be open at the metrics port at a time. */
    public int metricsConnections() {
        return Math.clamp(limit / 16, MIN_METRICS_CONNECTIONS, MAX_METRICS_CONNECTIONS);
    }

    /** Returns how many connections may be open at the HTTP and gRPC ports together at a time. */
    public int connections() {
        return Math.clamp(limit - open - RESERVED - metricsConnections(), 0, MAX_CONNECTIONS);
    }

    /** Returns whether there is room for a server. */
    public boolean areEnough() {
        return connections() >= MIN_CONNECTIONS;
    }

    /** Returns the limit from which on there is room for all connections. */
    public long wanted() {
        return open + RESERVED + MAX_METRICS_CONNECTIONS + MAX_CONNECTIONS;
    }
}

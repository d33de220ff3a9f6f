package dev.nereid.server.grpc;

import dev.nereid.server.tls.TlsOptions;
import dev.nereid.server.v2.Restriction;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The gRPC listener.
 *
 * @param isEnabled whether there is one
 * @param address the address
 * @param port the port; 0 for any
 * @param reusesPort whether other processes may share the port
 * @param threads how many threads read and write for the connections
 * @param forwardPattern which headers become request parameters
 * @param restrictions header and value by restricted category
 * @param compression how responses of inference are compressed
 * @param maxWaitingResponses how many responses may wait for a slow reader before its stream reads no further requests
 * @param keepAlive how connections are kept alive, and how long
 * @param tls key and certificates; empty for plain text
 * @param hasReflection whether clients may ask for the protocol's description
 * @param limits bounds on what one connection may do
 */
public record GrpcOptions(boolean isEnabled, String address, int port, boolean reusesPort, int threads,
        Optional<String> forwardPattern, Map<String, Restriction> restrictions, Compression compression,
        int maxWaitingResponses, KeepAlive keepAlive, Optional<TlsOptions> tls, boolean hasReflection, Limits limits) {
    /** As without any flag. */
    public static final GrpcOptions DEFAULT = new GrpcOptions(true, "0.0.0.0", 8001, false, 2, Optional.empty(),
            Map.of(),
            Compression.NONE, Integer.MAX_VALUE, KeepAlive.DEFAULT, Optional.empty(), false, Limits.DEFAULT);

    /** Copies the map. */
    public GrpcOptions {
        restrictions = Map.copyOf(restrictions);
    }

    /** Returns these options for another address and port. */
    public GrpcOptions at(String otherAddress, int otherPort) {
        return new GrpcOptions(isEnabled, otherAddress, otherPort, reusesPort, threads, forwardPattern, restrictions,
                compression, maxWaitingResponses, keepAlive, tls, hasReflection, limits);
    }

    /** Returns these options with other limits. */
    public GrpcOptions within(Limits otherLimits) {
        return new GrpcOptions(isEnabled, address, port, reusesPort, threads, forwardPattern, restrictions, compression,
                maxWaitingResponses, keepAlive, tls, hasReflection, otherLimits);
    }

    /** How much time is spent on making responses smaller. */
    public enum Compression {
        /** None. */
        NONE(0),
        /** Little. */
        LOW(1),
        /** As much as usual. */
        MEDIUM(6),
        /** As much as there is use for. */
        HIGH(9);

        private final int level;

        Compression(int level) {
            this.level = level;
        }

        /** Returns zlib's level. */
        int level() {
            return level;
        }

        /** Returns the name on the command line. */
        public String flagName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * How connections are kept alive, and how long.
     *
     * @param time how long a connection may be silent before it is asked for a sign of life
     * @param timeout how long it may take to give it
     * @param permitsWithoutCalls whether clients may ask the same without a call
     * @param minPingInterval how often clients may ask
     * @param maxConnectionAge when a connection is told to end; empty for never
     * @param maxConnectionAgeGrace how long it then may take to end; empty for as long as it likes
     */
    public record KeepAlive(Duration time, Duration timeout, boolean permitsWithoutCalls, Duration minPingInterval,
            Optional<Duration> maxConnectionAge, Optional<Duration> maxConnectionAgeGrace) {
        /** As without any flag. */
        public static final KeepAlive DEFAULT = new KeepAlive(Duration.ofHours(2), Duration.ofSeconds(20), false,
                Duration.ofMinutes(5), Optional.empty(), Optional.empty());
    }

    /**
     * Bounds on what one connection may do.
     *
     * @param callsPerConnection how many calls and streams it may have at the same time
     * @param resetsPerWindow how many calls it may give up within {@code resetWindow}
     * @param resetWindow what resets are counted in
     * @param metadataBytes how many bytes of metadata a call may have
     * @param handshakeTimeout how long it may take to begin
     * @param waitingBytesPerStream how many bytes of answers may wait for a client that does not read them
     */
    public record Limits(int callsPerConnection, int resetsPerWindow, Duration resetWindow, int metadataBytes,
            Duration handshakeTimeout, long waitingBytesPerStream) {
        /** What no client of ours comes near. */
        public static final Limits DEFAULT = new Limits(1024, 20_000, Duration.ofSeconds(10), 16 << 10,
                Duration.ofSeconds(20), 1L << 30);
    }
}

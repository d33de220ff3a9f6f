package dev.nereid.server.cli;

import dev.nereid.server.grpc.GrpcOptions;
import dev.nereid.server.grpc.GrpcOptions.Compression;
import dev.nereid.server.grpc.GrpcOptions.KeepAlive;
import dev.nereid.server.tls.TlsOptions;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** The flags of the gRPC listener. */
final class GrpcFlags {
    private static final String GROUP = "gRPC";
    private static final String CERTIFICATE = "grpc-server-cert";
    private static final String KEY = "grpc-server-key";
    private static final String CLIENTS = "grpc-root-cert";
    private static final String USE_TLS = "grpc-use-ssl";
    private static final String MUTUAL = "grpc-use-ssl-mutual";
    private static final String LEVEL = "grpc-infer-response-compression-level";

    private GrpcFlags() {
    }

    /** Adds the flags to the table. */
    static void add() {
        FlagTable.add("allow-grpc", Flag.Kind.BOOL, "true", GROUP, "Whether to listen for gRPC requests.");
        FlagTable.add("grpc-address", Flag.Kind.TEXT, "0.0.0.0", GROUP, "Address to listen on for gRPC.");
        FlagTable.add("grpc-port", Flag.Kind.NUMBER, "8001", GROUP, "Port to listen on for gRPC.");
        FlagTable.add("reuse-grpc-port", Flag.Kind.BOOL, "false", GROUP,
                "Whether other processes may share the gRPC port.");
        FlagTable.add("grpc-header-forward-pattern", Flag.Kind.TEXT, "", GROUP,
                "Regular expression; matching metadata becomes request parameters.");
        FlagTable.repeatable("grpc-restricted-protocol", GROUP,
                "<category>[,<category>...]:<key>=<value>: calls that need the metadata triton-grpc-protocol-<key>.");
        FlagTable.add("grpc-reflection", Flag.Kind.BOOL, "false", GROUP,
                "Whether clients may ask for the protocol's description.");
        FlagTable.add("grpc-infer-thread-count", Flag.Kind.NUMBER, "2", GROUP,
                "How many threads read and write for the connections.");
        FlagTable.add("grpc-max-response-pool-size", Flag.Kind.NUMBER, Integer.toString(Integer.MAX_VALUE), GROUP,
                "How many responses of a stream may wait for its client before no more requests are read from it.");
        FlagTable.add(LEVEL, Flag.Kind.TEXT, "none", GROUP,
                "How much responses of inference are compressed: " + levels() + ".");
        FlagTable.add(USE_TLS, Flag.Kind.BOOL, "false", GROUP, "Whether connections use TLS.");
        FlagTable.add(MUTUAL, Flag.Kind.BOOL, "false", GROUP, "Whether they do, and clients need a certificate.");
        FlagTable.add(CERTIFICATE, Flag.Kind.TEXT, "", GROUP,
                "PEM file with the server's certificate, followed by those that it was issued with.");
        FlagTable.add(KEY, Flag.Kind.TEXT, "", GROUP, "PEM file with its private key.");
        FlagTable.add(CLIENTS, Flag.Kind.TEXT, "", GROUP, "PEM file with who issues clients' certificates.");
        FlagTable.add("grpc-keepalive-time", Flag.Kind.NUMBER, "7200000", GROUP,
                "Milliseconds of silence after which a connection is asked for a sign of life.");
        FlagTable.add("grpc-keepalive-timeout", Flag.Kind.NUMBER, "20000", GROUP,
                "Milliseconds that it may take to give it.");
        FlagTable.add("grpc-keepalive-permit-without-calls", Flag.Kind.BOOL, "false", GROUP,
                "Whether clients may ask the same while they have no call.");
        FlagTable.add("grpc-http2-min-recv-ping-interval-without-data", Flag.Kind.NUMBER, "300000", GROUP,
                "Milliseconds between two such questions, at least.");
        FlagTable.add("grpc-max-connection-age", Flag.Kind.NUMBER, "0", GROUP,
                "Milliseconds after which a connection is told to end; 0 for never.");
        FlagTable.add("grpc-max-connection-age-grace", Flag.Kind.NUMBER, "0", GROUP,
                "Milliseconds that its calls then have left; 0 for any number.");
        FlagTable.meansNothing("requests take memory from one pool", "grpc-infer-allocation-pool-size");
        FlagTable.refuse("the transport asks at most twice without data", "grpc-http2-max-pings-without-data", "2");
        FlagTable.refuse("the transport ends a connection at the third question too many; with "
                + "--grpc-http2-min-recv-ping-interval-without-data=0 none is",
                "grpc-http2-max-ping-strikes", "2");
    }

    private static String levels() {
        return Arrays.stream(Compression.values()).map(Compression::flagName).collect(Collectors.joining(", "));
    }

    /**
     * Returns what the flags say.
     *
     * @throws UsageException when a value is wrong, or flags contradict each other
     */
    static GrpcOptions options(CommandLine flags) {
        return new GrpcOptions(flags.bool("allow-grpc"),
                CommandLine.address("grpc-address", flags.text("grpc-address")),
                (int) flags.number("grpc-port", 0, 65535), flags.bool("reuse-grpc-port"),
                (int) flags.number("grpc-infer-thread-count", 1, 128), flags.pattern("grpc-header-forward-pattern"),
                flags.restrictions("grpc-restricted-protocol", "key"), compression(flags),
                (int) flags.number("grpc-max-response-pool-size", 1, Integer.MAX_VALUE), keepAlive(flags), tls(flags),
                flags.bool("grpc-reflection"), GrpcOptions.Limits.DEFAULT);
    }

    private static Compression compression(CommandLine flags) {
        String value = flags.text(LEVEL);
        return Arrays.stream(Compression.values()).filter(level -> level.flagName().equals(value)).findFirst()
                .orElseThrow(() -> new UsageException(
                        "--" + LEVEL + " has value '" + value + "', expected one of " + levels()));
    }

    private static KeepAlive keepAlive(CommandLine flags) {
        return new KeepAlive(millis(flags, "grpc-keepalive-time", 1), millis(flags, "grpc-keepalive-timeout", 1),
                flags.bool("grpc-keepalive-permit-without-calls"),
                millis(flags, "grpc-http2-min-recv-ping-interval-without-data", 0),
                flags.millisUnlessZero("grpc-max-connection-age"),
                flags.millisUnlessZero("grpc-max-connection-age-grace"));
    }

    private static Duration millis(CommandLine flags, String flag, long min) {
        return Duration.ofMillis(flags.number(flag, min, Integer.MAX_VALUE));
    }

    private static Optional<TlsOptions> tls(CommandLine flags) {
        boolean isMutual = flags.bool(MUTUAL);
        if (!isMutual && !flags.bool(USE_TLS)) {
            for (String flag : List.of(CERTIFICATE, KEY, CLIENTS)) {
                if (!flags.text(flag).isEmpty()) {
                    throw new UsageException("--" + flag + " needs --" + USE_TLS + "=true");
                }
            }
            return Optional.empty();
        }
        for (String needed : isMutual ? List.of(CERTIFICATE, KEY, CLIENTS) : List.of(CERTIFICATE, KEY)) {
            if (flags.text(needed).isEmpty()) {
                throw new UsageException("--" + (isMutual ? MUTUAL : USE_TLS) + "=true needs --" + needed);
            }
        }
        return Optional.of(new TlsOptions(CommandLine.path(CERTIFICATE, flags.text(CERTIFICATE)),
                CommandLine.path(KEY, flags.text(KEY)),
                isMutual ? Optional.of(CommandLine.path(CLIENTS, flags.text(CLIENTS))) : Optional.empty()));
    }
}

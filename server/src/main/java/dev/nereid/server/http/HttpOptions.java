package dev.nereid.server.http;

import dev.nereid.server.tls.TlsOptions;
import dev.nereid.server.v2.Restriction;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * The HTTP listener.
 *
 * @param isEnabled whether there is one
 * @param address the address
 * @param port the port; 0 for any
 * @param reusesPort whether other processes may share the port
 * @param forwardPattern which headers become request parameters
 * @param maxInputSize largest JSON part, raw body or decompressed body in bytes
 * @param restrictions header and value by restricted category
 * @param tls key and certificates; empty for plain text
 * @param maxConnectionAge after which time a connection's next answer is its last; empty for never
 */
public record HttpOptions(boolean isEnabled, String address, int port, boolean reusesPort,
        Optional<String> forwardPattern, long maxInputSize, Map<String, Restriction> restrictions,
        Optional<TlsOptions> tls, Optional<Duration> maxConnectionAge) {
}

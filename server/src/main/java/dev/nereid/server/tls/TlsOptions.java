package dev.nereid.server.tls;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a listener's key and certificates are, as PEM files.
 *
 * @param certificates the server's certificate, followed by those that it was issued with
 * @param key its private key
 * @param clientAuthorities who issues clients' certificates; empty where clients need none
 */
public record TlsOptions(Path certificates, Path key, Optional<Path> clientAuthorities) {
}

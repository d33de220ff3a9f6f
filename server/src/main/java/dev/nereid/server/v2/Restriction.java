package dev.nereid.server.v2;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.util.Optional;

/**
 * What a restricted category asks for.
 *
 * @param header the header's name
 * @param value the value that it must have
 */
public record Restriction(String header, String value) {
    /** Returns whether a request with that value of the header, or without it, is served. Takes as long for any value. */
    public boolean admits(Optional<String> given) {
        return given.isPresent() && MessageDigest.isEqual(given.get().getBytes(UTF_8), value.getBytes(UTF_8));
    }
}

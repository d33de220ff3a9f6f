package dev.nereid.server.v2;

import java.util.List;

/**
 * What a server says about itself.
 *
 * @param name its name
 * @param version its version, and what it was built from
 * @param extensions the extensions of the protocol that it offers
 */
public record ServerMetadata(String name, String version, List<String> extensions) {
    /** Copies the list. */
    public ServerMetadata {
        extensions = List.copyOf(extensions);
    }
}

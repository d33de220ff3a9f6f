package dev.nereid.server.v2;

import java.util.List;

/**
 * What a server says about itself.
 *
 * @param name its name
 * @param version its version
 * @param commit what it was built from
 * @param buildTime when it was built
 * @param extensions the extensions of the protocol that it offers
 */
public record ServerMetadata(String name, String version, String commit, String buildTime,
        List<String> extensions) {
    /** Copies the list. */
    public ServerMetadata {
        extensions = List.copyOf(extensions);
    }
}

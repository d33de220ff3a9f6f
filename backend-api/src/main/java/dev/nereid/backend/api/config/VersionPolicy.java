package dev.nereid.backend.api.config;

import java.util.List;

/** Which versions of a model are served. */
public sealed interface VersionPolicy {
    /**
     * The highest versions.
     *
     * @param count how many
     */
    record Latest(int count) implements VersionPolicy {
    }

    /** Every version. */
    record All() implements VersionPolicy {
    }

    /**
     * The listed versions.
     *
     * @param versions the versions
     */
    record Specific(List<Long> versions) implements VersionPolicy {
        /** Copies the list. */
        public Specific {
            versions = List.copyOf(versions);
        }
    }
}

package dev.nereid.engine;

import java.util.Optional;
import java.util.OptionalInt;

/**
 * Where the threads of instances run.
 *
 * @param cores the cores as they were written, such as {@code 0-3}; empty for those of the node
 * @param numaNode the node whose memory they take; empty for any
 */
public record HostPolicy(Optional<String> cores, OptionalInt numaNode) {
    /** Nothing asked. */
    public static final HostPolicy NONE = new HostPolicy(Optional.empty(), OptionalInt.empty());

    /**
     * Checks the cores.
     *
     * @throws IllegalArgumentException with the reference's text
     */
    public HostPolicy {
        cores.ifPresent(text -> {
            try {
                CoreSet.parse(text, false);
            } catch (IllegalArgumentException e) {
                throw new IllegalArgumentException("host policy setting 'cpu-cores' format is "
                        + "'<lower_cpu_core_id>-<upper_cpu_core_id>'. Got " + e.getMessage(), e);
            }
        });
    }

    /** Returns whether anything is asked. */
    public boolean isEmpty() {
        return cores.isEmpty() && numaNode.isEmpty();
    }
}

package dev.nereid.server.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
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
    private static final Path NODES = Path.of("/sys/devices/system/node");

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

    /** Returns whether threads can be bound on this system. */
    public static boolean isSupported() {
        return LinuxThreads.isSupported();
    }

    /** Returns whether anything is asked. */
    public boolean isEmpty() {
        return cores.isEmpty() && numaNode.isEmpty();
    }

    /**
     * Binds the current platform thread, and the threads that it starts.
     *
     * @throws InferenceException INTERNAL where the system refuses
     */
    public void apply() {
        Optional<BitSet> wanted = cores.map(text -> CoreSet.parse(text, false))
                .or(() -> numaNode.isPresent() ? Optional.of(coresOf(numaNode.getAsInt())) : Optional.empty());
        if (wanted.isPresent()) {
            LinuxThreads.setAffinity(wanted.get()).ifPresent(reason -> {
                throw InferenceException.internal("Unable to set NUMA thread affinity: " + reason + " (cores "
                        + wanted.get() + ")");
            });
        }
        if (numaNode.isPresent()) {
            LinuxThreads.bindMemory(numaNode.getAsInt()).ifPresent(reason -> {
                throw InferenceException.internal("Unable to set NUMA memory policy: " + reason + " (node "
                        + numaNode.getAsInt() + ")");
            });
        }
    }

    private static BitSet coresOf(int node) {
        try {
            return CoreSet.parse(Files.readString(NODES.resolve("node" + node).resolve("cpulist")).strip(), true);
        } catch (IOException | IllegalArgumentException e) {
            throw new InferenceException(StatusCode.INTERNAL,
                    "Unable to set NUMA thread affinity: this host tells nothing of NUMA node " + node, e);
        }
    }
}

package dev.nereid.engine.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.CoreSet;
import dev.nereid.engine.HostPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;

/** Binds threads to the cores and the memory that a {@link HostPolicy} names. */
public final class HostBinding {
    private static final Path NODES = Path.of("/sys/devices/system/node");

    private HostBinding() {
    }

    /** Returns whether threads can be bound on this system. */
    public static boolean isSupported() {
        return LinuxThreads.isSupported();
    }

    /**
     * Binds the current platform thread, and the threads that it starts.
     *
     * @throws InferenceException INTERNAL where the system refuses
     */
    public static void apply(HostPolicy policy) {
        Optional<BitSet> wanted = policy.cores().map(text -> CoreSet.parse(text, false))
                .or(() -> policy.numaNode().isPresent()
                        ? Optional.of(coresOf(policy.numaNode().getAsInt()))
                        : Optional.empty());
        if (wanted.isPresent()) {
            LinuxThreads.setAffinity(wanted.get()).ifPresent(reason -> {
                throw InferenceException.internal("Unable to set NUMA thread affinity: " + reason + " (cores "
                        + wanted.get() + ")");
            });
        }
        if (policy.numaNode().isPresent()) {
            LinuxThreads.bindMemory(policy.numaNode().getAsInt()).ifPresent(reason -> {
                throw InferenceException.internal("Unable to set NUMA memory policy: " + reason + " (node "
                        + policy.numaNode().getAsInt() + ")");
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

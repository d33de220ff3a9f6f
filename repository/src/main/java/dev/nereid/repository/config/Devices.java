package dev.nereid.repository.config;

import java.util.List;

/**
 * The GPUs that instances may be placed on.
 *
 * @param supportsGpus whether the server can use GPUs at all
 * @param gpus the GPUs of the machine
 * @param minimum the compute capability below which a GPU is not used
 */
public record Devices(boolean supportsGpus, List<Gpu> gpus, ComputeCapability minimum) {
    /** A server without GPUs. */
    public static final Devices NONE = new Devices(false, List.of(), new ComputeCapability(0, 0));

    /** Copies the list. */
    public Devices {
        gpus = List.copyOf(gpus);
    }

    /** Returns the ids of the GPUs that are good enough. */
    public List<Integer> usableGpus() {
        return gpus.stream().filter(gpu -> gpu.capability().compareTo(minimum) >= 0).map(Gpu::id).toList();
    }

    /**
     * A GPU.
     *
     * @param id its index
     * @param capability what it can do
     */
    public record Gpu(int id, ComputeCapability capability) {
    }

    /**
     * What a GPU can do, as its vendor numbers it.
     *
     * @param major before the dot
     * @param minor after the dot
     */
    public record ComputeCapability(int major, int minor) implements Comparable<ComputeCapability> {
        @Override
        public int compareTo(ComputeCapability other) {
            return major != other.major ? Integer.compare(major, other.major) : Integer.compare(minor, other.minor);
        }

        /** Returns it as configurations write it: {@code 8.6}. */
        @Override
        public String toString() {
            return major + "." + minor;
        }
    }
}

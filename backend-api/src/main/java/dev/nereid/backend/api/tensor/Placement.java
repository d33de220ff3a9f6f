package dev.nereid.backend.api.tensor;

/**
 * Where a tensor's memory lies.
 *
 * @param kind the kind of memory
 * @param deviceId the GPU for GPU memory, else 0
 */
public record Placement(Kind kind, int deviceId) {
    /** Plain host memory. */
    public static final Placement CPU = new Placement(Kind.CPU, 0);

    /** Checks the device id. */
    public Placement {
        if (deviceId < 0) {
            throw new IllegalArgumentException("device id " + deviceId + " is negative");
        }
    }

    /** The kinds of memory. */
    public enum Kind {
        /** Plain host memory. */
        CPU,
        /** Page-locked host memory. */
        CPU_PINNED,
        /** Memory of a GPU: the segment's address is a device pointer that the host must not read. */
        GPU
    }
}

package dev.nereid.engine.gpu;

import java.util.OptionalDouble;

/**
 * What a GPU is doing; what it does not tell is empty.
 *
 * @param utilization the share of time in which it was busy, 0 to 1
 * @param memoryTotalBytes its memory
 * @param memoryUsedBytes what of it is taken, by any process
 * @param powerWatts the power that it takes
 * @param powerLimitWatts the most that it may take
 * @param energyJoules the energy that it took since the driver was loaded
 */
public record GpuUse(OptionalDouble utilization, OptionalDouble memoryTotalBytes, OptionalDouble memoryUsedBytes,
        OptionalDouble powerWatts, OptionalDouble powerLimitWatts, OptionalDouble energyJoules) {
    /** Nothing is known. */
    public static final GpuUse UNKNOWN = new GpuUse(OptionalDouble.empty(), OptionalDouble.empty(),
            OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty(), OptionalDouble.empty());
}

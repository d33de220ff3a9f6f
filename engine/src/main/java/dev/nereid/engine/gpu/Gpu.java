package dev.nereid.engine.gpu;

import dev.nereid.repository.config.Devices.ComputeCapability;

/**
 * A GPU.
 *
 * @param id its index, as the driver numbers the GPUs that this process may see
 * @param name its model
 * @param uuid its identity, such as {@code GPU-5d8e0c3a-...}
 * @param capability what it can do
 * @param memoryBytes its memory
 */
public record Gpu(int id, String name, String uuid, ComputeCapability capability, long memoryBytes) {
}

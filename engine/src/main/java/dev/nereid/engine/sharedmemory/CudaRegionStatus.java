package dev.nereid.engine.sharedmemory;

/**
 * A registered region of GPU memory, as clients see it.
 *
 * @param name the region's name
 * @param deviceId the GPU
 * @param byteSize its size
 */
public record CudaRegionStatus(String name, long deviceId, long byteSize) {
}

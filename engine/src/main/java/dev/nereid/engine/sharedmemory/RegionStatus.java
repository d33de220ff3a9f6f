package dev.nereid.engine.sharedmemory;

/**
 * A registered region, as clients see it.
 *
 * @param name the region's name
 * @param key the key of the shared memory object, as it was given
 * @param offset where the region starts in the object
 * @param byteSize its size
 */
public record RegionStatus(String name, String key, long offset, long byteSize) {
}

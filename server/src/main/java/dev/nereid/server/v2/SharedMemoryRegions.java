package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.sharedmemory.SharedRange;

/** Finds registered shared memory for one request. What was found stays usable until the request is answered. */
@FunctionalInterface
public interface SharedMemoryRegions {
    /** No region is registered. */
    SharedMemoryRegions NONE = (region, offset, byteSize) -> {
        throw InferenceException.notFound("Unable to find shared memory region: '" + region + "'");
    };

    /**
     * Returns that part of a region; offset and size are to be read as unsigned.
     *
     * @throws InferenceException NOT_FOUND for an unknown region; INVALID_ARG when the part is not inside it
     */
    SharedRange resolve(String region, long offset, long byteSize);
}

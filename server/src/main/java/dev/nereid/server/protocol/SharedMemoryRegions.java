package dev.nereid.server.protocol;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.lang.foreign.MemorySegment;

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
    MemorySegment resolve(String region, long offset, long byteSize);

    /**
     * Copies bytes from or to a region.
     *
     * @throws InferenceException INVALID_ARG when the client has made the shared memory object smaller since
     */
    static void copy(MemorySegment source, MemorySegment target, long byteSize) {
        try {
            MemorySegment.copy(source, 0, target, 0, byteSize);
        } catch (InternalError e) {
            // How the JVM tells that mapped memory is gone; its cause can be nothing but the client.
            throw new InferenceException(StatusCode.INVALID_ARG,
                    "shared memory is smaller than it was when it was registered", e);
        }
    }
}

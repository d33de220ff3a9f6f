package dev.nereid.server.protocol;

import dev.nereid.server.v2.SharedMemoryRegions;
import java.lang.foreign.SegmentAllocator;

/**
 * What decoding a request needs beside its bytes.
 *
 * @param modelName the model that the request is for
 * @param maxInputSize the largest tensor that is accepted as JSON, in bytes
 * @param allocator gives the memory for tensors that came as JSON; it must live until the request is answered
 * @param regions the shared memory that inputs and outputs may name
 */
public record DecodeContext(String modelName, long maxInputSize, SegmentAllocator allocator,
        SharedMemoryRegions regions) {
    static final long ALIGNMENT = 64;
}

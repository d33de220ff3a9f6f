package dev.nereid.backend.tensorrt;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.Pointer;

/** A pointer that can be set to memory of somebody else. It owns nothing and frees nothing. */
final class AddressPointer extends Pointer {
    AddressPointer at(long where) {
        address = where;
        position = 0;
        return this;
    }

    /** Points to the segment's bytes; the segment must outlive the use. */
    AddressPointer at(MemorySegment segment) {
        return at(segment.address());
    }
}

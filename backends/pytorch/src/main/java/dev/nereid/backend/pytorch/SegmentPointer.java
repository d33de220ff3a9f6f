package dev.nereid.backend.pytorch;

import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.BytePointer;

/** A pointer that can be set to memory of somebody else. It owns nothing and frees nothing. */
final class SegmentPointer extends BytePointer {
    /** Creates a null pointer. */
    SegmentPointer() {
        super((org.bytedeco.javacpp.Pointer) null);
    }

    /** Points to the segment's bytes; the segment must outlive the use. */
    SegmentPointer at(MemorySegment segment) {
        address = segment.address();
        position = 0;
        limit = segment.byteSize();
        capacity = segment.byteSize();
        return this;
    }
}

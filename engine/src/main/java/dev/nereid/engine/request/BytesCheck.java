package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** Checks that a BYTES tensor holds as many whole elements as its shape says. */
final class BytesCheck {
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private BytesCheck() {
    }

    /**
     * Checks the elements.
     *
     * @param prefix what stands before each text
     * @param where the words of the texts that name input and model
     */
    static void check(MemorySegment data, long expected, String prefix, String where) {
        long remaining = data.byteSize();
        long offset = 0;
        long count = 0;
        while (remaining > 0) {
            if (remaining < Integer.BYTES) {
                throw InferenceException.invalid(
                        prefix + "incomplete string length indicator for " + where + ", expecting 4 bytes but only "
                                + remaining
                                + " bytes available. Please make sure the string length indicator is in one buffer.");
            }
            count++;
            if (count > expected) {
                throw InferenceException.invalid(
                        prefix + "unexpected number of string elements " + count + " for " + where + ", expecting "
                                + expected);
            }
            long length = Integer.toUnsignedLong(data.get(LENGTH, offset));
            offset += Integer.BYTES;
            remaining -= Integer.BYTES;
            if (length > remaining) {
                throw InferenceException.invalid(
                        prefix + "incomplete string data for " + where + ", expecting string of length " + length
                                + " but only " + remaining + " bytes available");
            }
            offset += length;
            remaining -= length;
        }
        if (count != expected) {
            throw InferenceException
                    .invalid(prefix + "expected " + expected + " string elements for " + where + ", got " + count);
        }
    }
}

package dev.nereid.backend.api.cache;

import dev.nereid.backend.api.Experimental;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/** What tells requests with different answers apart: the 32 bytes of a SHA-256 digest. */
@Experimental(since = "1.1")
public record CacheKey(long first, long second, long third, long fourth) {
    /** Returns the 32 bytes. */
    public byte[] bytes() {
        return ByteBuffer.allocate(4 * Long.BYTES).putLong(first).putLong(second).putLong(third).putLong(fourth)
                .array();
    }

    /** Returns the bytes as 64 hexadecimal digits. */
    @Override
    public String toString() {
        return HexFormat.of().formatHex(bytes());
    }
}

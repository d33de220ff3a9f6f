package dev.nereid.server.grpc.wire;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;

/** Bytes on the wire, as tests write them down. */
final class WireBytes {
    private WireBytes() {
    }

    /** Returns the bytes of hexadecimal text; what stands between apostrophes is text. */
    static byte[] of(String text) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        String[] parts = text.split("'", -1);
        for (int i = 0; i < parts.length; i++) {
            byte[] part = i % 2 == 0
                    ? HexFormat.of().parseHex(parts[i].replace(" ", ""))
                    : parts[i].getBytes(java.nio.charset.StandardCharsets.UTF_8);
            bytes.writeBytes(part);
        }
        return bytes.toByteArray();
    }
}

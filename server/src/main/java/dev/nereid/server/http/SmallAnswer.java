package dev.nereid.server.http;

import dev.nereid.server.protocol.EncodedResponse;
import io.helidon.http.DateTime;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;

/**
 * Successful answers to inference requests, or what they begin with: head and body in one piece of memory that is used
 * again. Most of what Helidon's response allocates for an answer it allocates for this step.
 */
final class SmallAnswer {
    /** More than any head takes. */
    private static final int HEAD = 256;
    private static final byte[] START = bytes("HTTP/1.1 200 OK\r\nDate: ");
    private static final byte[] LENGTH = bytes("Content-Length: ");
    private static final byte[] JSON_TYPE = bytes("\r\nContent-Type: application/json");
    private static final byte[] BINARY_TYPE = bytes("\r\nContent-Type: application/octet-stream");
    private static final byte[] JSON_LENGTH = bytes("\r\n" + InferBodyReader.HEADER_LENGTH.defaultCase() + ": ");
    private static final byte[] END = bytes("\r\n\r\n");

    private final byte[] target;
    private int size;

    /** Creates answers in that memory, one at a time. */
    SmallAnswer(byte[] target) {
        this.target = target;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Returns whether an answer with a body of that length fits. */
    boolean fits(long contentLength) {
        return contentLength <= target.length - HEAD;
    }

    /** Writes the head of an answer, and returns its length. */
    int writeHead(EncodedResponse encoded) {
        size = 0;
        head(encoded);
        return size;
    }

    /** Writes head and JSON of an answer whose JSON fits, and returns their length. */
    int writeStart(byte[] json, EncodedResponse encoded) {
        size = 0;
        head(encoded);
        append(json, encoded.jsonLength());
        return size;
    }

    /** Writes an answer that fits, and returns its length. */
    int write(byte[] json, EncodedResponse encoded) {
        writeStart(json, encoded);
        for (MemorySegment tensor : encoded.binary()) {
            int length = (int) tensor.byteSize();
            MemorySegment.copy(tensor, ValueLayout.JAVA_BYTE, 0, target, size, length);
            size += length;
        }
        return size;
    }

    private void head(EncodedResponse encoded) {
        append(START);
        // With its end of line.
        append(DateTime.http1Bytes());
        append(LENGTH);
        append(encoded.contentLength());
        if (encoded.hasBinary()) {
            append(BINARY_TYPE);
            append(JSON_LENGTH);
            append(encoded.jsonLength());
        } else {
            append(JSON_TYPE);
        }
        append(END);
    }

    private void append(byte[] bytes) {
        append(bytes, bytes.length);
    }

    private void append(byte[] bytes, int length) {
        System.arraycopy(bytes, 0, target, size, length);
        size += length;
    }

    private void append(long number) {
        if (number >= 10) {
            append(number / 10);
        }
        target[size++] = (byte) ('0' + number % 10);
    }
}

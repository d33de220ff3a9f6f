package dev.nereid.tools.perf;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Reads answers of a server, one after the other, into one buffer that grows to the largest. Understands what an
 * inference server sends and no more: a status, the length of the body (or chunks), and whether the connection stays.
 *
 * <p>What {@link #body} returns is valid until the next {@link #read}. For one thread.
 */
final class HttpReply {
    private static final int INITIAL_BYTES = 16 << 10;
    private static final int MAX_HEAD_BYTES = 64 << 10;
    private static final byte[] CONTENT_LENGTH = ascii("content-length");
    private static final byte[] HEADER_LENGTH = ascii("inference-header-content-length");
    private static final byte[] CONNECTION = ascii("connection");
    private static final byte[] TRANSFER_ENCODING = ascii("transfer-encoding");
    private static final long UNKNOWN = -1;

    private byte[] buffer = new byte[INITIAL_BYTES];
    private int limit;
    private int bodyStart;
    private int bodyLength;
    private int status;
    private long contentLength;
    private long headerLength;
    private boolean isChunked;
    private boolean staysOpen;

    /** Sees a body while it is read. */
    interface BodyWatcher {
        /** Takes note that the body now ends at {@code end}, and began at {@code start}, in the buffer. */
        void grown(byte[] buffer, int start, int end);
    }

    /** Reads one answer. Fails with {@link EOFException} where the connection ends before it does. */
    void read(InputStream in) throws IOException {
        read(in, (whole, start, end) -> {
        });
    }

    /** Reads one answer, and tells of its body as it comes, chunk by chunk. */
    void read(InputStream in, BodyWatcher watcher) throws IOException {
        limit = 0;
        int lineStart = readHead(in, 0);
        while (status >= 100 && status < 200) {
            lineStart = readHead(in, lineStart);
        }
        bodyStart = lineStart;
        if (isChunked) {
            readChunks(in, watcher);
            return;
        } else if (contentLength != UNKNOWN) {
            bodyLength = checkedLength(contentLength);
            fill(in, bodyStart + bodyLength);
        } else {
            readToEnd(in);
        }
        watcher.grown(buffer, bodyStart, bodyStart + bodyLength);
    }

    /** Returns whether anything of an answer has arrived since {@link #read} was called. */
    boolean hasBegun() {
        return limit > 0;
    }

    /** Forgets the last answer, so that {@link #hasBegun} speaks of the next. */
    void reset() {
        limit = 0;
    }

    int status() {
        return status;
    }

    /** Returns the buffer that holds the body, from {@link #bodyStart} on. */
    byte[] buffer() {
        return buffer;
    }

    int bodyStart() {
        return bodyStart;
    }

    int bodyLength() {
        return bodyLength;
    }

    /** Returns a copy of the body. */
    byte[] body() {
        return Arrays.copyOfRange(buffer, bodyStart, bodyStart + bodyLength);
    }

    /** Returns how much of the body is JSON; the rest are tensors. */
    int jsonLength() {
        return headerLength == UNKNOWN ? bodyLength : (int) Math.min(bodyLength, headerLength);
    }

    /** Returns whether the connection can carry another request. */
    boolean staysOpen() {
        return staysOpen;
    }

    /** Reads status line and headers, which begin at {@code start}; returns where they end. */
    private int readHead(InputStream in, int start) throws IOException {
        contentLength = UNKNOWN;
        headerLength = UNKNOWN;
        isChunked = false;
        int end = lineEnd(in, start);
        statusLine(start, end);
        while (true) {
            int lineStart = end + 2;
            end = lineEnd(in, lineStart);
            if (end == lineStart) {
                return end + 2;
            }
            header(lineStart, end);
        }
    }

    private void statusLine(int start, int end) throws IOException {
        boolean isHttp = end - start >= 12 && buffer[start] == 'H' && buffer[start + 1] == 'T'
                && buffer[start + 8] == ' ';
        if (!isHttp) {
            throw new IOException("the server does not answer in HTTP/1.1");
        }
        staysOpen = buffer[start + 7] != '0';
        status = (int) number(start + 9, start + 12, 10);
    }

    private void header(int start, int end) throws IOException {
        int colon = start;
        while (colon < end && buffer[colon] != ':') {
            colon++;
        }
        int value = colon + 1;
        while (value < end && (buffer[value] == ' ' || buffer[value] == '\t')) {
            value++;
        }
        if (isName(CONTENT_LENGTH, start, colon)) {
            contentLength = number(value, end, 10);
        } else if (isName(HEADER_LENGTH, start, colon)) {
            headerLength = number(value, end, 10);
        } else if (isName(CONNECTION, start, colon)) {
            staysOpen = !text(value, end).equalsIgnoreCase("close");
        } else if (isName(TRANSFER_ENCODING, start, colon)) {
            isChunked = text(value, end).equalsIgnoreCase("chunked");
        }
    }

    private boolean isName(byte[] lowerCaseName, int start, int end) {
        if (end - start != lowerCaseName.length) {
            return false;
        }
        for (int i = 0; i < lowerCaseName.length; i++) {
            if ((buffer[start + i] | 0x20) != (lowerCaseName[i] | 0x20)) {
                return false;
            }
        }
        return true;
    }

    /** Moves the chunks together, so that the body lies in one piece. */
    private void readChunks(InputStream in, BodyWatcher watcher) throws IOException {
        int out = bodyStart;
        int position = bodyStart;
        while (true) {
            int end = lineEnd(in, position);
            int sizeEnd = position;
            while (sizeEnd < end && buffer[sizeEnd] != ';' && buffer[sizeEnd] != ' ') {
                sizeEnd++;
            }
            int size = checkedLength(number(position, sizeEnd, 16));
            position = end + 2;
            if (size == 0) {
                break;
            }
            fill(in, Math.addExact(position, size + 2));
            System.arraycopy(buffer, position, buffer, out, size);
            out += size;
            watcher.grown(buffer, bodyStart, out);
            position += size + 2;
        }
        bodyLength = out - bodyStart;
        int end = lineEnd(in, position);
        while (end > position) {
            position = end + 2;
            end = lineEnd(in, position);
        }
    }

    private void readToEnd(InputStream in) throws IOException {
        staysOpen = false;
        while (true) {
            reserve(limit + 1);
            int count = in.read(buffer, limit, buffer.length - limit);
            if (count < 0) {
                bodyLength = limit - bodyStart;
                return;
            }
            limit += count;
        }
    }

    /** Returns where the line that starts at {@code start} ends: the index of its carriage return. */
    private int lineEnd(InputStream in, int start) throws IOException {
        int at = start;
        while (true) {
            for (; at + 1 < limit; at++) {
                if (buffer[at] == '\r' && buffer[at + 1] == '\n') {
                    return at;
                }
            }
            if (at - start > MAX_HEAD_BYTES) {
                throw new IOException("the server sent a header of more than " + MAX_HEAD_BYTES + " bytes");
            }
            fill(in, Math.max(limit, start) + 1);
        }
    }

    /** Reads until the buffer holds {@code wanted} bytes. */
    private void fill(InputStream in, int wanted) throws IOException {
        reserve(wanted);
        while (limit < wanted) {
            int count = in.read(buffer, limit, buffer.length - limit);
            if (count < 0) {
                throw new EOFException("the server closed the connection before its answer was complete");
            }
            limit += count;
        }
    }

    private void reserve(int capacity) {
        if (capacity > buffer.length) {
            buffer = Arrays.copyOf(buffer,
                    (int) Math.min(Integer.MAX_VALUE - 8, Math.max(capacity, buffer.length * 2L)));
        }
    }

    private int checkedLength(long length) throws IOException {
        if (length > Integer.MAX_VALUE - 8 - bodyStart) {
            throw new IOException("the server sent an answer of " + length + " bytes, which is more than can be kept");
        }
        return (int) length;
    }

    private long number(int start, int end, int radix) throws IOException {
        try {
            long number = Long.parseLong(text(start, end), radix);
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a negative number.
        }
        throw new IOException("the server sent '" + text(start, end) + "' where a number was expected");
    }

    private String text(int start, int end) {
        return new String(buffer, start, Math.max(0, end - start), StandardCharsets.ISO_8859_1).strip();
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

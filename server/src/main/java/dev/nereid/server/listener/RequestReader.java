package dev.nereid.server.listener;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.http.DirectHandler;
import io.helidon.http.RequestException;
import io.helidon.http.Status;
import java.nio.ByteBuffer;
import java.util.function.BooleanSupplier;

/**
 * What a client sends, as Helidon reads it. Helidon knows HTTP/1.1 only and nothing between two requests; here the first
 * line of a request may be one of HTTP/1.0, and an empty line may come before it, as some clients send one after a body.
 *
 * <p>A body may be {@link #take taken} past Helidon. Of a body with an announced length Helidon asks how many bytes are
 * available, and counts as many of them as belong to the body when it has got a buffer, whatever that one holds: so it
 * gets a buffer of one byte in place of all that was taken.
 *
 * <p>Used by the connection's thread.
 */
final class RequestReader extends DataReader {
    private static final byte[] VERSION_10 = {' ', 'H', 'T', 'T', 'P', '/', '1', '.', '0'};
    private static final int LINE_END = 2;
    private static final Status HEADERS_TOO_LARGE = Status.create(431, "Request Header Fields Too Large");

    /** What Helidon gets in place of bytes that were taken, however many. */
    private static final byte[] ANY = {0};

    private final ClientInput input;
    private final BooleanSupplier isAtStart;
    private boolean isHttp10;
    /** May be more than Helidon can be told at once. */
    private long taken;

    /**
     * Creates a reader.
     *
     * @param isAtStart whether the next line is the first of a request
     */
    @SuppressWarnings("removal") // of the constructor, for which the pinned version of Helidon has nothing else to extend
    RequestReader(ClientInput input, BooleanSupplier isAtStart) {
        super(input);
        this.input = input;
        this.isAtStart = isAtStart;
    }

    /** Returns whether the current request is one of HTTP/1.0. */
    boolean isHttp10() {
        return isHttp10;
    }

    /** Takes at least one byte of a body: what was read before with its head, then what the socket has. */
    void take(ByteBuffer target) {
        if (super.available() == 0 && input.isDirect()) {
            taken += input.read(target);
            return;
        }
        long before = taken;
        int size = 0;
        taken = 0;
        try {
            super.ensureAvailable();
            size = Math.min(super.available(), target.remaining());
            super.readBuffer(size).writeTo(target, size);
        } finally {
            taken = before + size;
        }
    }

    @Override
    public void ensureAvailable() {
        if (taken == 0) {
            super.ensureAvailable();
        }
    }

    @Override
    public int available() {
        return taken == 0 ? super.available() : (int) Math.min(Integer.MAX_VALUE, taken);
    }

    @Override
    public BufferData readBuffer(int length) {
        if (taken == 0) {
            return super.readBuffer(length);
        }
        if (length != available()) {
            throw new IllegalStateException(taken + " bytes of a body were taken that has no more than " + length);
        }
        taken -= length;
        return BufferData.createReadOnly(ANY, 0, ANY.length);
    }

    @Override
    public int findNewLine(int max) throws IncorrectNewLineException {
        int length = super.findNewLine(max);
        if (!isAtStart.getAsBoolean()) {
            return checked(length, max);
        }
        if (length == 0) {
            skip(LINE_END);
            return super.findNewLine(max);
        }
        return length;
    }

    @Override
    public int findOrNewLine(byte b, int max) throws IncorrectNewLineException {
        return checked(super.findOrNewLine(b, max), max);
    }

    /** Helidon's own answer to headers that are too long says that they are wrong. */
    private static int checked(int length, int max) {
        if (length == max) {
            throw RequestException.builder().type(DirectHandler.EventType.BAD_REQUEST).status(HEADERS_TOO_LARGE)
                    .setKeepAlive(false).message("headers too large").build();
        }
        return length;
    }

    @Override
    public byte[] readBytes(int length) {
        byte[] bytes = super.readBytes(length);
        if (isAtStart.getAsBoolean()) {
            isHttp10 = endsWithVersion10(bytes);
            if (isHttp10) {
                bytes[bytes.length - 1] = '1';
            }
        }
        return bytes;
    }

    private static boolean endsWithVersion10(byte[] line) {
        int from = line.length - VERSION_10.length;
        if (from < 0) {
            return false;
        }
        for (int i = 0; i < VERSION_10.length; i++) {
            if (line[from + i] != VERSION_10[i]) {
                return false;
            }
        }
        return true;
    }
}

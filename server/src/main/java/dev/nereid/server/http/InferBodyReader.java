package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.memory.BufferPool;
import dev.nereid.server.memory.BufferScope;
import dev.nereid.server.protocol.InferBody;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Reads the body of an inference request: the JSON part into an array for the parser, all else into one off-heap buffer,
 * of which the tensors are slices.
 */
final class InferBodyReader {
    static final HeaderName HEADER_LENGTH = HeaderNames.create("Inference-Header-Content-Length");
    private static final int READ_SIZE = 64 * 1024;

    private final BufferPool pool;
    private final long maxInputSize;

    InferBodyReader(BufferPool pool, long maxInputSize) {
        this.pool = pool;
        this.maxInputSize = maxInputSize;
    }

    /** A body in memory. */
    static final class Body {
        private final byte[] json;
        private final MemorySegment binary;
        private final boolean isRaw;

        private Body(byte[] json, MemorySegment binary, boolean isRaw) {
            this.json = json;
            this.binary = binary;
            this.isRaw = isRaw;
        }

        /** Returns the JSON part; empty for a raw request. */
        byte[] json() {
            return json;
        }

        /** Returns what follows the JSON part. */
        MemorySegment binary() {
            return binary;
        }

        /** Returns whether {@link #binary()} is the one input of a raw request. */
        boolean isRaw() {
            return isRaw;
        }
    }

    /**
     * Reads the body.
     *
     * @param scope owns the memory
     */
    Body read(Exchange exchange, BufferScope scope) {
        ContentCoding coding = ContentCoding.ofRequest(exchange.header(HeaderNames.CONTENT_ENCODING));
        Optional<String> headerLength = exchange.header(HEADER_LENGTH);
        try (InputStream in = exchange.body()) {
            if (coding == ContentCoding.IDENTITY && exchange.announcedLength().isPresent()) {
                return readAnnounced(in, exchange.announcedLength().get(), headerLength, scope);
            }
            return readUnknown(exchange, in, coding, headerLength, scope);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Body readAnnounced(InputStream in, long length, Optional<String> headerLength, BufferScope scope)
            throws IOException {
        InferBody layout = InferBody.divide(headerLength, Optional.of(Long.toString(length)), length, maxInputSize);
        scope.reserve(layout.jsonLength());
        byte[] json = new byte[layout.jsonLength()];
        if (in.readNBytes(json, 0, json.length) < json.length) {
            throw new EOFException("the body ended early");
        }
        long rest = length - json.length;
        if (layout.isRaw() && rest > maxInputSize) {
            throw rawTooLarge(rest);
        }
        if (rest == 0) {
            return new Body(json, MemorySegment.NULL, layout.isRaw());
        }
        MemorySegment binary = scope.allocate(rest, 1);
        byte[] part = new byte[(int) Math.min(READ_SIZE, rest)];
        for (long offset = 0; offset < rest;) {
            int n = in.read(part, 0, (int) Math.min(part.length, rest - offset));
            if (n < 0) {
                throw new EOFException("the body ended early");
            }
            MemorySegment.copy(part, 0, binary, ValueLayout.JAVA_BYTE, offset, n);
            offset += n;
        }
        return new Body(json, binary, layout.isRaw());
    }

    private InferenceException rawTooLarge(long bytes) {
        return InferenceException.invalid("Raw input has a byte_size (" + bytes
                + " bytes) that exceeds the maximum allowed value of " + maxInputSize
                + " bytes. Use --http-max-input-size to increase the limit.");
    }

    /** Reads a body of unknown length: chunked, compressed, or both. */
    private Body readUnknown(Exchange exchange, InputStream in, ContentCoding coding, Optional<String> headerLength,
            BufferScope scope) throws IOException {
        Optional<Long> announced = exchange.announcedLength();
        if (coding != ContentCoding.IDENTITY && announced.isPresent() && announced.get() == 0) {
            throw InferenceException.invalid("nothing to be decompressed");
        }
        byte[] part = new byte[READ_SIZE];
        InputStream source = announced.isPresent() ? in : new CountedChunks(in, new ChunkCount(exchange, part.length));
        try (GrowingBuffer buffer = new GrowingBuffer(pool); InputStream plain = coding.decode(source)) {
            for (int n = coding.read(plain, part); n >= 0; n = coding.read(plain, part)) {
                buffer.append(part, n);
                if (coding != ContentCoding.IDENTITY && buffer.size() > maxInputSize) {
                    throw InferenceException.invalid("Decompressed data size exceeds the maximum allowed value of "
                            + maxInputSize + " bytes. Use --http-max-input-size to increase the limit.");
                }
            }
            MemorySegment body = buffer.moveTo(scope);
            InferBody layout = InferBody.divide(headerLength, Optional.empty(), body.byteSize(), maxInputSize);
            if (layout.isRaw() && body.byteSize() > maxInputSize) {
                throw rawTooLarge(body.byteSize());
            }
            scope.reserve(layout.jsonLength());
            byte[] json = body.asSlice(0, layout.jsonLength()).toArray(ValueLayout.JAVA_BYTE);
            return new Body(json, body.asSlice(json.length), layout.isRaw());
        }
    }

    /** Counts chunks as they are read. */
    private static final class CountedChunks extends FilterInputStream {
        private final ChunkCount chunks;
        private final byte[] part = new byte[READ_SIZE];
        private int position;
        private int limit;

        CountedChunks(InputStream in, ChunkCount chunks) {
            super(in);
            this.chunks = chunks;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            if (position == limit) {
                int n = in.read(part, 0, part.length);
                if (n < 0) {
                    return -1;
                }
                chunks.read(n);
                position = 0;
                limit = n;
            }
            int n = Math.min(length, limit - position);
            System.arraycopy(part, position, target, offset, n);
            position += n;
            return n;
        }
    }
}

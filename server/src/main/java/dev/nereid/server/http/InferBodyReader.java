package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
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
import java.util.OptionalLong;
import java.util.function.IntFunction;

/**
 * Reads the body of an inference request: the JSON part into an array for the parser, all else into one off-heap buffer,
 * of which the tensors are slices.
 */
final class InferBodyReader {
    static final HeaderName HEADER_LENGTH = HeaderNames.create("Inference-Header-Content-Length");
    /** A body up to this size is read in one piece. */
    static final int SMALL = 16 * 1024;
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
        private final int jsonLength;
        private final MemorySegment binary;
        private final boolean isRaw;

        private Body(byte[] json, int jsonLength, MemorySegment binary, boolean isRaw) {
            this.json = json;
            this.jsonLength = jsonLength;
            this.binary = binary;
            this.isRaw = isRaw;
        }

        /** Returns what begins with the JSON part; valid until the next request is read. */
        byte[] json() {
            return json;
        }

        /** Returns the length of the JSON part; 0 for a raw request. */
        int jsonLength() {
            return jsonLength;
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
     * @param texts returns memory of at least that length, for the JSON part or a small body
     */
    Body read(Exchange exchange, BufferScope scope, IntFunction<byte[]> texts) {
        ContentCoding coding = ContentCoding.ofRequest(exchange.header(HeaderNames.CONTENT_ENCODING));
        Optional<String> headerLength = exchange.header(HEADER_LENGTH);
        try (InputStream in = exchange.body()) {
            OptionalLong announced = exchange.announcedLength();
            if (coding == ContentCoding.IDENTITY && announced.isPresent()) {
                return readAnnounced(exchange, in, announced.getAsLong(), headerLength, scope, texts);
            }
            return readUnknown(exchange, in, coding, headerLength, scope, texts);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Body readAnnounced(Exchange exchange, InputStream in, long length, Optional<String> headerLength,
            BufferScope scope, IntFunction<byte[]> texts) throws IOException {
        InferBody layout = InferBody.divide(headerLength, Optional.empty(), length, maxInputSize);
        if (layout.isRaw() && length > maxInputSize) {
            throw rawTooLarge(length);
        }
        int jsonLength = layout.jsonLength();
        scope.reserve(jsonLength);
        if (length <= SMALL) {
            byte[] small = texts.apply((int) length);
            readFully(in, small, (int) length);
            exchange.readEnd();
            MemorySegment rest = MemorySegment.NULL;
            if (length > jsonLength) {
                rest = scope.allocate(length - jsonLength, 1);
                MemorySegment.copy(small, jsonLength, rest, ValueLayout.JAVA_BYTE, 0, (int) length - jsonLength);
            }
            return new Body(small, jsonLength, rest.asReadOnly(), layout.isRaw());
        }
        byte[] json = texts.apply(jsonLength);
        exchange.read(MemorySegment.ofArray(json).asSlice(0, jsonLength));
        MemorySegment binary = MemorySegment.NULL;
        if (length > jsonLength) {
            binary = scope.allocate(length - jsonLength, 1);
            exchange.read(binary);
        }
        exchange.readEnd();
        return new Body(json, jsonLength, binary.asReadOnly(), layout.isRaw());
    }

    private static void readFully(InputStream in, byte[] target, int length) throws IOException {
        if (in.readNBytes(target, 0, length) < length) {
            throw new EOFException("the body ended early");
        }
    }

    private InferenceException rawTooLarge(long bytes) {
        return InferenceException.invalid("Raw input has a byte_size (" + bytes
                + " bytes) that exceeds the maximum allowed value of " + maxInputSize
                + " bytes. Use --http-max-input-size to increase the limit.");
    }

    /** Reads a body of unknown length: chunked, compressed, or both. */
    private Body readUnknown(Exchange exchange, InputStream in, ContentCoding coding, Optional<String> headerLength,
            BufferScope scope, IntFunction<byte[]> texts) throws IOException {
        OptionalLong announced = exchange.announcedLength();
        if (coding != ContentCoding.IDENTITY && announced.isPresent() && announced.getAsLong() == 0) {
            throw InferenceException.invalid("nothing to be decompressed");
        }
        scope.reserve(3 * READ_SIZE);
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
            byte[] json = texts.apply(layout.jsonLength());
            MemorySegment.copy(body, ValueLayout.JAVA_BYTE, 0, json, 0, layout.jsonLength());
            return new Body(json, layout.jsonLength(), body.asSlice(layout.jsonLength()), layout.isRaw());
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

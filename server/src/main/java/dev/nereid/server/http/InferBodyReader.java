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

/**
 * Reads the body of an inference request: a short JSON part into an array, a long one into an off-heap buffer, and all else
 * into another, of which the tensors are slices.
 */
final class InferBodyReader {
    static final HeaderName HEADER_LENGTH = HeaderNames.create("Inference-Header-Content-Length");
    /** A body up to this size is read in one piece. */
    static final int SMALL = 16 * 1024;
    /** JSON up to this size lies on the heap, and of longer JSON so much at a time. */
    static final int WINDOW = 64 * 1024;
    private static final int READ_SIZE = 64 * 1024;

    private final BufferPool pool;
    private final long maxInputSize;

    InferBodyReader(BufferPool pool, long maxInputSize) {
        this.pool = pool;
        this.maxInputSize = maxInputSize;
    }

    /** Where the JSON part of a body is kept until it has been decoded. */
    interface JsonMemory {
        /**
         * Returns memory on the heap, of at least that length.
         *
         * @param length at most {@link #WINDOW}
         */
        byte[] onHeap(int length);

        /** Returns the owner of memory for JSON that is longer than {@link #WINDOW}. */
        BufferScope offHeap();
    }

    /** A body in memory. */
    static final class Body {
        private final byte[] json;
        private final int jsonLength;
        private final MemorySegment longJson;
        private final MemorySegment binary;
        private final boolean isRaw;

        private Body(byte[] json, int jsonLength, MemorySegment longJson, MemorySegment binary, boolean isRaw) {
            this.json = json;
            this.jsonLength = jsonLength;
            this.longJson = longJson;
            this.binary = binary;
            this.isRaw = isRaw;
        }

        /** Returns whether the JSON part lies off-heap. */
        boolean isJsonOffHeap() {
            return longJson.byteSize() > 0;
        }

        /** Returns the JSON part where it lies off-heap. */
        MemorySegment longJson() {
            return longJson;
        }

        /** Returns what begins with the JSON part; memory for a window of it where that lies off-heap. */
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
     * @param scope owns all memory but that of a long JSON part, and counts what lies on the heap
     * @param jsonMemory keeps the JSON part, or a small body
     */
    Body read(Exchange exchange, BufferScope scope, JsonMemory jsonMemory) {
        ContentCoding coding = ContentCoding.ofRequest(exchange.header(HeaderNames.CONTENT_ENCODING));
        Optional<String> headerLength = exchange.header(HEADER_LENGTH);
        try (InputStream in = exchange.body()) {
            OptionalLong announced = exchange.announcedLength();
            if (coding == ContentCoding.IDENTITY && announced.isPresent()) {
                return readAnnounced(exchange, in, announced.getAsLong(), headerLength, scope, jsonMemory);
            }
            return readUnknown(exchange, in, coding, headerLength, scope, jsonMemory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Body readAnnounced(Exchange exchange, InputStream in, long length, Optional<String> headerLength,
            BufferScope scope, JsonMemory jsonMemory) throws IOException {
        InferBody layout = InferBody.divide(headerLength, Optional.empty(), length, maxInputSize);
        if (layout.isRaw() && length > maxInputSize) {
            throw rawTooLarge(length);
        }
        int jsonLength = layout.jsonLength();
        if (length <= SMALL) {
            scope.reserve(jsonLength);
            byte[] small = jsonMemory.onHeap((int) length);
            readFully(in, small, (int) length);
            exchange.readEnd();
            MemorySegment rest = MemorySegment.NULL;
            if (length > jsonLength) {
                rest = scope.allocate(length - jsonLength, 1);
                MemorySegment.copy(small, jsonLength, rest, ValueLayout.JAVA_BYTE, 0, (int) length - jsonLength);
            }
            return new Body(small, jsonLength, MemorySegment.NULL, rest.asReadOnly(), layout.isRaw());
        }
        byte[] json = jsonOnHeap(jsonLength, scope, jsonMemory);
        MemorySegment longJson = MemorySegment.NULL;
        if (jsonLength > WINDOW) {
            longJson = jsonMemory.offHeap().allocate(jsonLength, 1);
            exchange.read(longJson);
        } else {
            exchange.read(MemorySegment.ofArray(json).asSlice(0, jsonLength));
        }
        MemorySegment binary = MemorySegment.NULL;
        if (length > jsonLength) {
            binary = scope.allocate(length - jsonLength, 1);
            exchange.read(binary);
        }
        exchange.readEnd();
        return new Body(json, jsonLength, longJson.asReadOnly(), binary.asReadOnly(), layout.isRaw());
    }

    /** Returns memory for a short JSON part, or the window of a long one. */
    private static byte[] jsonOnHeap(int jsonLength, BufferScope scope, JsonMemory jsonMemory) {
        int length = Math.min(jsonLength, WINDOW);
        scope.reserve(length);
        return jsonMemory.onHeap(length);
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
            BufferScope scope, JsonMemory jsonMemory) throws IOException {
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
            InferBody layout = InferBody.divide(headerLength, Optional.empty(), buffer.size(), maxInputSize);
            if (layout.isRaw() && buffer.size() > maxInputSize) {
                throw rawTooLarge(buffer.size());
            }
            int jsonLength = layout.jsonLength();
            byte[] json = jsonOnHeap(jsonLength, scope, jsonMemory);
            if (jsonLength > WINDOW && jsonLength == buffer.size()) {
                return new Body(json, jsonLength, buffer.moveTo(jsonMemory.offHeap()), MemorySegment.NULL, false);
            }
            MemorySegment body = buffer.moveTo(scope);
            MemorySegment longJson = MemorySegment.NULL;
            if (jsonLength > WINDOW) {
                longJson = body.asSlice(0, jsonLength);
            } else {
                MemorySegment.copy(body, ValueLayout.JAVA_BYTE, 0, json, 0, jsonLength);
            }
            return new Body(json, jsonLength, longJson, body.asSlice(jsonLength), layout.isRaw());
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

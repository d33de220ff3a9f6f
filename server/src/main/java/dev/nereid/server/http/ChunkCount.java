package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;

/**
 * Counts the chunks of a chunked body. Each read returns at most one chunk, or a full buffer of a longer one, so a read
 * that did not fill the buffer ended its chunk.
 */
final class ChunkCount {
    private static final int MAX_CHUNKS = 65_536;

    private final Exchange exchange;
    private final int bufferSize;
    private int chunks;
    private boolean isInsideChunk;

    ChunkCount(Exchange exchange, int bufferSize) {
        this.exchange = exchange;
        this.bufferSize = bufferSize;
    }

    /**
     * Notes a read of that many bytes.
     *
     * @throws InferenceException INVALID_ARG when there are too many chunks
     */
    void read(int bytes) {
        if (!isInsideChunk && ++chunks > MAX_CHUNKS) {
            exchange.abandonBody();
            throw InferenceException.invalid("Chunked request body exceeds maximum of " + MAX_CHUNKS
                    + " non-empty chunks. Send fewer or larger HTTP chunks.");
        }
        isInsideChunk = bytes == bufferSize;
    }
}

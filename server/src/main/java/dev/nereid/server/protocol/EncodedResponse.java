package dev.nereid.server.protocol;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * An answer to an inference request: the JSON that the writer holds, followed by these bytes.
 *
 * @param jsonLength the bytes of JSON
 * @param binary what follows, in order; slices of the outputs themselves, on or off the heap, none of them empty
 * @param binaryLength the bytes of all that follows
 */
public record EncodedResponse(int jsonLength, List<MemorySegment> binary, long binaryLength) {
    /** Copies the list. */
    public EncodedResponse {
        binary = List.copyOf(binary);
    }

    /** Returns whether the header {@code Inference-Header-Content-Length} must be sent, with {@link #jsonLength}. */
    public boolean hasBinary() {
        return !binary.isEmpty();
    }

    /** Returns the media type of the whole. */
    public String contentType() {
        return hasBinary() ? "application/octet-stream" : "application/json";
    }

    /** Returns the bytes of the whole. */
    public long contentLength() {
        return jsonLength + binaryLength;
    }
}

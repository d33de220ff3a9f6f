package dev.nereid.server.protocol;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.StrtolNumber;
import java.util.Optional;

/**
 * How the body of an inference request is divided: JSON, then binary tensors; or no JSON, then it is one raw tensor.
 *
 * @param jsonLength the bytes of JSON; 0 for a raw request
 * @param isRaw whether the whole body is the one input's data
 */
public record InferBody(int jsonLength, boolean isRaw) {
    private static final String RANGE = ", value is out of range [ -2147483648, 2147483647 ]";

    /**
     * Divides a body.
     *
     * @param inferenceHeaderLength the header {@code Inference-Header-Content-Length}
     * @param contentLength the header {@code Content-Length}; empty where there is none or the body was compressed
     * @param bodyLength the length of the body, after decompression
     * @param maxInputSize the largest JSON part that is accepted
     */
    public static InferBody divide(Optional<String> inferenceHeaderLength, Optional<String> contentLength,
            long bodyLength, long maxInputSize) {
        if (bodyLength > Integer.MAX_VALUE) {
            throw InferenceException.invalid("Unable to parse Content-Length" + RANGE + ", got: " + bodyLength);
        }
        long declared = contentLength.isPresent() ? parse("Content-Length", contentLength.get()) : bodyLength;
        long jsonLength = declared;
        if (inferenceHeaderLength.isPresent()) {
            String text = inferenceHeaderLength.get();
            jsonLength = parse("Inference-Header-Content-Length", text);
            if (jsonLength < 0 || jsonLength > declared) {
                throw InferenceException
                        .invalid("inference header size should be in range (0, " + declared + "), got: " + text);
            }
        }
        if (jsonLength == 0) {
            return new InferBody(0, true);
        }
        if (jsonLength > maxInputSize || jsonLength < 0) {
            throw InferenceException
                    .invalid("request JSON size of " + Long.toUnsignedString(jsonLength)
                            + " bytes exceeds the maximum allowed input size of " + maxInputSize
                            + " bytes. Use --http-max-input-size to increase the limit.");
        }
        if (jsonLength > bodyLength) {
            throw InferenceException.invalid(
                    "unexpected size for request JSON, expecting " + (jsonLength - bodyLength) + " more bytes");
        }
        return new InferBody((int) jsonLength, false);
    }

    private static long parse(String header, String text) {
        StrtolNumber number = StrtolNumber.parseInt(text);
        return switch (number.outcome()) {
            case NUMBER -> number.value();
            case NOT_A_NUMBER -> throw InferenceException.invalid("Unable to parse " + header + ", got: " + text);
            case OUT_OF_RANGE ->
                throw InferenceException.invalid("Unable to parse " + header + RANGE + ", got: " + text);
        };
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Locale;
import java.util.Optional;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;
import java.util.zip.ZipException;

/** Content codings of inference bodies (v2-http, 5.8). */
enum ContentCoding {
    /** As it is. */
    IDENTITY(""),
    /** RFC 1952. */
    GZIP("gzip"),
    /** RFC 1950. */
    DEFLATE("deflate");

    private static final int GZIP_MAGIC = 0x1f8b;

    private final String headerValue;

    ContentCoding(String headerValue) {
        this.headerValue = headerValue;
    }

    String headerValue() {
        return headerValue;
    }

    /**
     * Returns the coding of a request.
     *
     * @throws InferenceException UNSUPPORTED for one that is not offered
     */
    static ContentCoding ofRequest(Optional<String> header) {
        return switch (header.orElse("")) {
            case "", "identity" -> IDENTITY;
            case "gzip" -> GZIP;
            case "deflate" -> DEFLATE;
            default -> throw new InferenceException(StatusCode.UNSUPPORTED, "Unsupported compression type");
        };
    }

    /** Returns the coding that the client prefers: the highest weight wins, the first listed on ties. */
    static ContentCoding ofResponse(Optional<String> header) {
        if (header.isEmpty()) {
            return IDENTITY;
        }
        ContentCoding best = IDENTITY;
        double bestWeight = 0;
        for (String entry : header.get().split(",", -1)) {
            String[] parts = entry.trim().split(";", -1);
            double weight = parts.length == 1 ? 1 : weight(parts);
            Optional<ContentCoding> coding = switch (parts[0].trim().toLowerCase(Locale.ROOT)) {
                case "identity" -> Optional.of(IDENTITY);
                case "gzip" -> Optional.of(GZIP);
                case "deflate" -> Optional.of(DEFLATE);
                default -> Optional.<ContentCoding>empty();
            };
            if (coding.isPresent() && weight > bestWeight) {
                best = coding.get();
                bestWeight = weight;
            }
        }
        return best;
    }

    private static double weight(String[] parts) {
        String weight = parts[1].trim();
        if (parts.length > 2 || !weight.startsWith("q=")) {
            return 0;
        }
        try {
            return Double.parseDouble(weight.substring(2));
        } catch (NumberFormatException e) {
            return 0;
        }
    }

    /** Returns a stream of the plain bytes. Like the reference's, it takes zlib and gzip for either coding. */
    InputStream decode(InputStream in) throws IOException {
        if (this == IDENTITY) {
            return in;
        }
        BufferedInputStream buffered = new BufferedInputStream(in);
        buffered.mark(2);
        int first = buffered.read();
        int second = buffered.read();
        buffered.reset();
        if (first < 0) {
            throw InferenceException.invalid("nothing to be decompressed");
        }
        try {
            return ((first << 8) | second) == GZIP_MAGIC
                    ? new GZIPInputStream(buffered)
                    : new InflaterInputStream(buffered);
        } catch (ZipException | EOFException e) {
            throw corrupt();
        }
    }

    /** Reads from what {@link #decode} returned; broken data is the client's mistake. */
    int read(InputStream in, byte[] target) throws IOException {
        if (this == IDENTITY) {
            return in.read(target);
        }
        try {
            return in.read(target);
        } catch (ZipException | EOFException e) {
            throw corrupt();
        }
    }

    private static InferenceException corrupt() {
        return InferenceException.invalid("encountered inconsistent stream state during decompression");
    }

    OutputStream encode(OutputStream out) throws IOException {
        return switch (this) {
            case IDENTITY -> out;
            case GZIP -> new GZIPOutputStream(out, 64 * 1024);
            case DEFLATE -> new DeflaterOutputStream(out);
        };
    }
}

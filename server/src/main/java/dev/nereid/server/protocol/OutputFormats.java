package dev.nereid.server.protocol;

import dev.nereid.server.v2.OutputChoice;
import java.util.Map;

/**
 * How a client wants the outputs of one request.
 *
 * @param formats the outputs that the client listed
 * @param isBinaryByDefault whether outputs that the client did not list are sent as bytes rather than as JSON
 */
public record OutputFormats(Map<String, Format> formats, boolean isBinaryByDefault) {
    /** The plan of a client that listed nothing: all as JSON. */
    public static final OutputFormats ALL_JSON = new OutputFormats(Map.of(), false);
    /** The plan of a client that listed nothing: all as bytes. */
    public static final OutputFormats ALL_BINARY = new OutputFormats(Map.of(), true);

    static final Format JSON = new Format(OutputChoice.VALUES, false);
    static final Format BINARY = new Format(OutputChoice.VALUES, true);

    /** Copies the map. */
    public OutputFormats {
        formats = Map.copyOf(formats);
    }

    /**
     * How one output is sent.
     *
     * @param choice what is sent
     * @param isBinary whether as bytes behind the JSON
     */
    public record Format(OutputChoice choice, boolean isBinary) {
    }

    /** Returns how that output is sent. */
    public Format format(String output) {
        Format format = formats.get(output);
        if (format != null) {
            return format;
        }
        return isBinaryByDefault ? BINARY : JSON;
    }
}

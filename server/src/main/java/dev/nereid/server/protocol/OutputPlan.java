package dev.nereid.server.protocol;

import dev.nereid.engine.sharedmemory.SharedRange;
import java.util.Map;

/**
 * How a client wants the outputs of one request.
 *
 * @param formats the outputs that the client listed
 * @param isBinaryByDefault whether outputs that the client did not list are sent as bytes rather than as JSON
 */
public record OutputPlan(Map<String, Format> formats, boolean isBinaryByDefault) {
    /** The plan of a client that listed nothing: all as JSON. */
    public static final OutputPlan ALL_JSON = new OutputPlan(Map.of(), false);
    /** The plan of a client that listed nothing: all as bytes. */
    public static final OutputPlan ALL_BINARY = new OutputPlan(Map.of(), true);

    static final Format JSON = new Encoded(false);
    static final Format BINARY = new Encoded(true);

    /** Copies the map. */
    public OutputPlan {
        formats = Map.copyOf(formats);
    }

    /** How one output is sent. */
    public sealed interface Format {
    }

    /**
     * The values themselves.
     *
     * @param isBinary whether as bytes behind the JSON
     */
    public record Encoded(boolean isBinary) implements Format {
    }

    /**
     * The largest values with their labels.
     *
     * @param classes how many, unsigned
     * @param isBinary whether as bytes behind the JSON
     */
    public record Classification(long classes, boolean isBinary) implements Format {
    }

    /**
     * Written to shared memory.
     *
     * @param target where to
     */
    public record SharedMemory(SharedRange target) implements Format {
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

package dev.nereid.tools.perf;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What {@code nereid perf} was asked for.
 *
 * @param model the model's name
 * @param version its version; empty for the one that the server chooses
 * @param target the server
 * @param exchange how the server is asked
 * @param inputs what requests look like
 * @param sweep how hard to drive the server
 * @param measurement how to measure
 * @param reports where to write the results
 */
record PerfOptions(String model, String version, Target target, Exchange exchange, Inputs inputs, Sweep sweep,
        LevelRunner.Settings measurement, Reports reports) {
    /**
     * How the server is asked.
     *
     * @param isGrpc whether over gRPC instead of HTTP
     * @param isStreaming whether for any number of responses: on gRPC streams, or as server-sent events
     * @param asksForSequences whether requests are to belong to sequences also where the model does not say so
     * @param sequences what sequences look like
     * @param openLoopSequences how many of them are under way where requests are sent at a rate
     */
    record Exchange(boolean isGrpc, boolean isStreaming, boolean asksForSequences, SequencePool.Settings sequences,
            int openLoopSequences) {
        /** Returns what it is called for people. */
        String text() {
            return isGrpc ? isStreaming ? "gRPC streams" : "gRPC" : isStreaming ? "HTTP, server-sent events" : "HTTP";
        }
    }

    /**
     * What requests look like.
     *
     * @param source where the elements come from
     * @param shapes the shapes of inputs of any size
     * @param stringLength the length of random strings
     * @param isBinaryInput whether inputs are sent as bytes instead of JSON
     * @param isBinaryOutput whether outputs are wanted as bytes instead of JSON
     * @param isVerified whether outputs are compared
     */
    record Inputs(InputSource source, Shapes shapes, int stringLength, boolean isBinaryInput, boolean isBinaryOutput,
            boolean isVerified) {
    }

    /**
     * How hard to drive the server.
     *
     * @param levels one after the other, all of one kind
     * @param isPoisson whether requests at a rate come at random times
     * @param seed what the times depend on
     * @param maxConnections how many requests at a rate may be under way
     */
    record Sweep(List<LoadLevel> levels, boolean isPoisson, long seed, int maxConnections) {
        Sweep {
            levels = List.copyOf(levels);
        }

        /** Returns whether requests are sent at a rate. */
        boolean isOpenLoop() {
            return levels.getFirst() instanceof LoadLevel.RequestRate;
        }
    }

    /**
     * Where to write the results.
     *
     * @param csv a file of comma-separated values
     * @param html a page with plots
     */
    record Reports(Optional<Path> csv, Optional<Path> html) {
    }
}

package dev.nereid.benchmark;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * What {@code nereid bench} was asked for.
 *
 * @param cases what to load the server with
 * @param extras what to measure beside that
 * @param connections how many connections; where it is empty, as many as make sense for each case
 * @param rounds how many turns each side has
 * @param seconds the length of a turn
 * @param warmUpSeconds how long each side is loaded before the first turn of a case
 * @param output the directory to write reports into
 * @param javaOptions the options of the server's JVM, one text for each server to compare
 * @param generator what sends the requests
 * @param against another server to compare with instead of the bare handler
 * @param models where to write the models for another server to, without measuring; nothing to measure
 * @param soakMinutes how long a soak lasts
 * @param isQuick whether little is to be measured where nothing else is said
 */
record BenchOptions(Set<BenchCase> cases, Set<Extra> extras, Optional<List<Integer>> connections, int rounds,
        double seconds, double warmUpSeconds, Path output, List<String> javaOptions, Generator generator,
        Optional<OtherServer.Address> against, Optional<Path> models, double soakMinutes, boolean isQuick) {
    /** The connections of a case unless others are asked for. */
    private static final List<Integer> CONNECTIONS = List.of(1, 4, 16, 64);
    private static final int MAX_STARTS = 3;

    BenchOptions {
        cases = Set.copyOf(cases);
        extras = Set.copyOf(extras);
        javaOptions = List.copyOf(javaOptions);
    }

    /** What is measured beside load. */
    enum Extra {
        /** From the command to ready, and memory when idle. */
        START,
        /** What it takes to load and unload a model. */
        LOAD,
        /** What many models take. */
        MODELS,
        /** What becomes of memory under mixed requests that don't end; only where it is asked for by name. */
        SOAK
    }

    /** What sends the requests. */
    enum Generator {
        /** Our own. */
        PERF,
        /** The program wrk. */
        WRK,
        /** wrk where it is installed, else our own. */
        AUTO
    }

    /** Returns the numbers of connections for a case. */
    List<Integer> connectionsFor(BenchCase benchCase) {
        return connections.orElseGet(() -> benchCase.sensible(CONNECTIONS));
    }

    /** Returns how often a start is measured. */
    int starts() {
        return Math.max(2, Math.min(MAX_STARTS, rounds));
    }
}

package dev.nereid.benchmark;

import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What was measured of a case with a number of connections.
 *
 * @param benchCase the case
 * @param variant which server; empty where there is only one
 * @param connections the number
 * @param server the server's rounds
 * @param handler the rounds of the yardstick: the bare handler's, or the other server's
 * @param loop the rounds of libtorch alone, for a model that computes for long
 * @param step the same server's rounds with the model that all steps of an ensemble are
 * @param heapBytes the heap that the server allocated for each request; over gRPC beyond what the yardstick did
 * @param residentMib the memory that the server had taken after the last turn
 * @param handlerResidentMib the same of the yardstick; NaN where it is not known
 * @param isAgainst whether the yardstick is another server, for which this project has set itself no marks
 */
record CaseResult(BenchCase benchCase, String variant, int connections, Rounds server, Rounds handler,
        Optional<Rounds> loop, Optional<Rounds> step, OptionalDouble heapBytes, double residentMib,
        double handlerResidentMib, boolean isAgainst) {
    /** Returns the throughput relative to the handler. */
    double throughputRatio() {
        return server.ratio(handler, Turn::requestsPerSecond);
    }

    /** Returns the median latency relative to the handler. */
    double p50Ratio() {
        return server.ratio(handler, Turn::p50Micros);
    }

    /** Returns p99 relative to the handler. */
    double p99Ratio() {
        return server.ratio(handler, Turn::p99Micros);
    }

    /** Returns the throughput relative to libtorch alone; NaN where it was not measured. */
    double loopRatio() {
        return loop.isPresent() ? server.ratio(loop.get(), Turn::requestsPerSecond) : Double.NaN;
    }

    /** Returns the server's processor time for a request in microseconds; NaN where it was not looked at. */
    double cpuMicros() {
        return server.median(turn -> turn.cpuMicros().orElse(Double.NaN));
    }

    /** Returns that relative to the handler. */
    double cpuRatio() {
        return server.ratio(handler, turn -> turn.cpuMicros().orElse(Double.NaN));
    }

    /** Returns an ensemble's processor time relative to that of a single step; NaN for what is no ensemble. */
    double stepRatio() {
        return step.map(single -> server.ratio(single, turn -> turn.cpuMicros().orElse(Double.NaN))).orElse(Double.NaN);
    }

    /** Returns the KiB of heap for a request; NaN where it could not be told. */
    double heapKib() {
        return heapBytes.orElse(Double.NaN) / 1024;
    }
}

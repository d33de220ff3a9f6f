package dev.nereid.tools.perf;

import java.util.Optional;

/**
 * What was measured at one level of load.
 *
 * @param level how hard the server was driven
 * @param batchSize the inferences in each request
 * @param window the last windows as one
 * @param windows how many windows were measured in all
 * @param isStable whether the last of them agreed
 * @param hasServerTimes whether the server told what it counted
 * @param failures the requests that failed, in all windows and before them
 * @param firstFailure what was wrong with the first of them
 */
record LevelResult(LoadLevel level, int batchSize, Window window, int windows, boolean isStable,
        boolean hasServerTimes, long failures, Optional<String> firstFailure) {
    /** Returns the inferences of a second. */
    double inferencesPerSecond() {
        return window.requestsPerSecond() * batchSize;
    }

    /** Returns the part of the mean latency that the server does not account for: network, protocol, client. */
    double outsideMicros() {
        return Math.max(0, window.meanMicros() - window.delays().getMean() / 1e3
                - window.serverTimes().totalMicrosPerRequest());
    }
}

package dev.nereid.tools.tune;

import java.time.Duration;
import java.util.OptionalDouble;

/**
 * What the settings are for.
 *
 * @param latency 99 of 100 requests are to be answered within that
 * @param rate the requests a second for which latency is to be lowest; empty for the highest rate that keeps the latency
 */
record Goal(Duration latency, OptionalDouble rate) {
    /** Returns the latency in seconds. */
    double seconds() {
        return latency.toNanos() / 1e9;
    }
}

package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.Batch;

/**
 * How the time of one execution divides, by the marks on its {@link Batch}: what the statistics of a server tell.
 *
 * @param inputNanos nanoseconds until the computation started
 * @param inferNanos nanoseconds of the computation
 * @param outputNanos nanoseconds from its end to the end of the execution
 */
public record TestTimes(long inputNanos, long inferNanos, long outputNanos) {
}

/**
 * The load generator: {@code nereid perf}.
 *
 * <p>{@link dev.nereid.tools.perf.PerfCommand} asks the server what the model looks like, makes requests as ready
 * bytes, drives them from a closed loop (a fixed number of requests under way) or an open one (requests at given
 * times), and measures in windows until these agree.
 */
@NullMarked
package dev.nereid.tools.perf;

import org.jspecify.annotations.NullMarked;

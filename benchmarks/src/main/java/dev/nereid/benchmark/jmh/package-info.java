/**
 * JMH benchmarks of the pieces on a request's path. Compiled by every build, run by hand:
 * {@code nereid bench --jmh=<regex> -prof gc}.
 */
@NullMarked
package dev.nereid.benchmark.jmh;

import org.jspecify.annotations.NullMarked;

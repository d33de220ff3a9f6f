/** Counters of requests and executions for each model version. Recording takes no lock. */
@NullMarked
package dev.nereid.engine.stats;

import org.jspecify.annotations.NullMarked;

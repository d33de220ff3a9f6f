/** Measurements: {@code nereid bench}, and others that are run by hand. */
@NullMarked
package dev.nereid.benchmark;

import org.jspecify.annotations.NullMarked;

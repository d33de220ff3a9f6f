/** Finds out which batching and instance settings serve a model best: {@code nereid tune}. */
@NullMarked
package dev.nereid.tools.tune;

import org.jspecify.annotations.NullMarked;

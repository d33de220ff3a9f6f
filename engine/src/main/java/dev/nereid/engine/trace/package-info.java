/** Traces of single requests: which are traced, and what is noted of them. */
@NullMarked
package dev.nereid.engine.trace;

import org.jspecify.annotations.NullMarked;

/** Traces of single requests: which are traced, what is noted of them, and the file that they are written to. */
@NullMarked
package dev.nereid.server.trace;

import org.jspecify.annotations.NullMarked;

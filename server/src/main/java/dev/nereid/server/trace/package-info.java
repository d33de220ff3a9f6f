/** The files that traces of requests are written to. */
@NullMarked
package dev.nereid.server.trace;

import org.jspecify.annotations.NullMarked;

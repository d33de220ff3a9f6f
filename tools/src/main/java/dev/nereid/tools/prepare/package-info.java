/**
 * {@code nereid prepare}: a trial run of the server, from which the JVM keeps what it has learnt, so that later starts are
 * faster.
 */
@NullMarked
package dev.nereid.tools.prepare;

import org.jspecify.annotations.NullMarked;

/** Binds threads to cores and memory nodes of the host, on Linux. */
@NullMarked
package dev.nereid.engine.host;

import org.jspecify.annotations.NullMarked;

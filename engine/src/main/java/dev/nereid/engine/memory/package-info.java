/** Pooled off-heap buffers and the bound on bytes in flight. */
@NullMarked
package dev.nereid.engine.memory;

import org.jspecify.annotations.NullMarked;

/** Tensors: datatype, shape, and memory as {@link java.lang.foreign.MemorySegment}. */
@NullMarked
package dev.nereid.backend.api.tensor;

import org.jspecify.annotations.NullMarked;

/**
 * Serves TensorRT engines.
 *
 * <p>{@link dev.nereid.backend.tensorrt.TensorRt} and what it creates are the seam: everything else works against these
 * interfaces, the {@code Native} classes implement them on JavaCPP's bindings.
 */
@NullMarked
package dev.nereid.backend.tensorrt;

import org.jspecify.annotations.NullMarked;

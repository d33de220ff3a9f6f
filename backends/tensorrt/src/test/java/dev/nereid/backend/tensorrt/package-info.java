/** Tests of the TensorRT backend, with a fake of TensorRT that counts what is alive. */
@NullMarked
package dev.nereid.backend.tensorrt;

import org.jspecify.annotations.NullMarked;

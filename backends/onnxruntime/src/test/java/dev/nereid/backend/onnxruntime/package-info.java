/** Tests of the ONNX Runtime backend, with the real library on the CPU. */
@NullMarked
package dev.nereid.backend.onnxruntime;

import org.jspecify.annotations.NullMarked;

/**
 * Serves ONNX models with ONNX Runtime.
 *
 * <p>{@link dev.nereid.backend.onnxruntime.OnnxRuntimeBackendFactory} is the plugin. ONNX Runtime is called through its C
 * interface: its Java interface knows neither optional inputs nor unsigned numbers above 8 bits, copies every output, and
 * takes texts only as Unicode. Addresses stay inside this package.
 */
@NullMarked
package dev.nereid.backend.onnxruntime;

import org.jspecify.annotations.NullMarked;

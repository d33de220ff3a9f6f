package dev.nereid.backend.onnxruntime;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class OrtErrorsTest {
    @ParameterizedTest
    @CsvSource(delimiter = '#', value = {"No such thing. # No such thing.", "'' # unknown error",
        "Load model from /models/m/1/model.onnx failed:Protobuf parsing failed. # Protobuf parsing failed.",
        "Status Message: /onnxruntime_src/onnxruntime/core/providers/cpu/math/element_wise_ops.h:560 void"
                + " onnxruntime::BroadcastIterator::Append(ptrdiff_t, ptrdiff_t) axis == 1 || axis == largest was"
                + " false. Attempting to broadcast an axis by a dimension other than 1. 2 by 3 # Status Message:"
                + " Attempting to broadcast an axis by a dimension other than 1. 2 by 3",
        "/a/b.cc:12 a::Status a::B::c(const d&, (anonymous namespace)::e<f>) const Bad graph. # Bad graph.",
        "/a/b.cc:12 auto a::(anonymous namespace)::c() [with T = int] Bad graph. # Bad graph.",
        "Status Message: slice.h:166 FillVectorsFromInput Starts and ends shape mismatch # Status Message: Starts and"
                + " ends shape mismatch",
        "Error: utils.cc:453 ValidatePath External data path does not exist # Error: External data path does not exist",
        "element_wise_ops.cc:2256 operator() Integer modulo by zero # Integer modulo by zero",
        "/a/op_kernel.cc:83 virtual OrtValue* a::B::C(int, const a::D&) [ONNXRuntimeError] : 1 : FAIL : tensor.cc:57"
                + " CalculateSize Tensor shape.Size() must be >= 0 # Tensor shape.Size() must be >= 0",
        "/a/padbase.h:122 static void a::B::C(T&, size_t) [with T = a::D [10]; size_t = long unsigned int] x.size() =="
                + " 2 * rank was false. Pads tensor size should be twice # Pads tensor size should be twice",
        "running Cast node. Name:'' Status Message: stod # running Cast node. Name:'' Status Message: a text is no"
                + " number",
        "file /models/m/1/weights.bin, errcode = 2 # file 1/weights.bin, errcode = 2",
        "Node (/encoder/layer.0/MatMul) failed # Node (/encoder/layer.0/MatMul) failed"})
    void keepsWhatHelps(String said, String brief) {
        assertEquals(brief, OrtErrors.brief(new OrtException(1, said), Path.of("/models/m")));
    }
}

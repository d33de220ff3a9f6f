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
        "file /models/m/1/weights.bin, errcode = 2 # file 1/weights.bin, errcode = 2",
        "Node (/encoder/layer.0/MatMul) failed # Node (/encoder/layer.0/MatMul) failed"})
    void keepsWhatHelps(String said, String brief) {
        assertEquals(brief, OrtErrors.brief(new OrtException(1, said), Path.of("/models/m")));
    }
}

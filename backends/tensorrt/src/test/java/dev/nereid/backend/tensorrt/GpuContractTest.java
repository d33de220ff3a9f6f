package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.BackendFactory;
import java.nio.file.Path;
import java.util.Map;
import org.bytedeco.tensorrt.global.nvinfer.DataType;
import org.bytedeco.tensorrt.global.nvinfer.ElementWiseOperation;
import org.bytedeco.tensorrt.nvinfer.ITensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/** The contract, on a real GPU. */
@Tag("gpu")
final class GpuContractTest extends AdditionContractTest {
    @BeforeAll
    static void needsAGpu() {
        GpuTest.needsAGpu();
    }

    @Override
    protected BackendFactory factory() {
        return new TensorRtBackendFactory();
    }

    @Override
    protected void writeModel(Path modelDirectory) {
        try (BuiltEngine engine = new BuiltEngine()) {
            ITensor one = engine.input("INPUT0", DataType.kFLOAT, -1, -1);
            ITensor other = engine.input("INPUT1", DataType.kFLOAT, -1, -1);
            engine.output("OUTPUT0", engine.network.addElementWise(one, other, ElementWiseOperation.kSUM).getOutput(0));
            EngineLayout.Range range = Plans.rows(1, 4, 8);
            engine.profile(Map.of("INPUT0", range, "INPUT1", range));
            engine.write(modelDirectory);
        }
    }
}

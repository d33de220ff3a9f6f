package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.BackendFactory;
import java.nio.file.Path;

/** The contract, on a TensorRT that is none. */
final class TensorRtContractTest extends AdditionContractTest {
    private final FakeTensorRt trt = new FakeTensorRt(Plans.addition(), Plans::add);

    @Override
    protected BackendFactory factory() {
        return new FakeBackendFactory(trt);
    }

    @Override
    protected void writeModel(Path modelDirectory) {
        Plans.write(modelDirectory);
    }

    @Override
    protected long liveResources() {
        return trt.alive.get();
    }
}

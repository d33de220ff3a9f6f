package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestTensor;
import dev.nereid.backend.repeat.RepeatBackendFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** The contract of every backend, kept by one in another process: answers before, at and after the end of an execution. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class IsolatedRepeatContractTest extends BackendContractTest {
    @TempDir
    private static Path backends;

    @Override
    protected BackendFactory factory() {
        return new RemoteFactory(new RepeatBackendFactory(), backends);
    }

    @Override
    @Test
    public void factoryFitsTheContract() {
        assertEquals("repeat", factory().name());
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("repeat").backend("repeat").isDecoupled(true)
                .inputs(List.of(new ModelInput("IN", DataType.INT32, Dims.of(Dims.ANY)),
                        new ModelInput("DELAY", DataType.UINT32, Dims.of(Dims.ANY)),
                        new ModelInput("WAIT", DataType.UINT32, Dims.of(1))))
                .outputs(List.of(new ModelOutput("OUT", DataType.INT32, Dims.of(1)),
                        new ModelOutput("IDX", DataType.UINT32, Dims.of(1))))
                .build();
    }

    private static TestTensor unsigned(String name, int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * Integer.BYTES).order(ByteOrder.nativeOrder());
        bytes.asIntBuffer().put(values);
        return TestTensor.of(name, DataType.UINT32, Shape.of(values.length), bytes.array());
    }

    private static TestRequest request(int wait, int[] delays, int... values) {
        return TestRequest.of().int32("IN", Shape.of(values.length), values).input(unsigned("DELAY", delays))
                .input(unsigned("WAIT", wait));
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(request(0, new int[]{0}, 7), request(5, new int[]{1}, 8));
    }

    @Override
    protected List<TestRequest> streamRequests() {
        return List.of(request(0, new int[0]), request(0, new int[]{0, 1, 0}, 1, 2, 3),
                request(20, new int[]{0, 0}, 4, 5));
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return List.of(request(0, new int[]{0}, 7, 8));
    }

    @Override
    protected BackendAbilities abilities() {
        return new BackendAbilities(false, true, false, BackendAbilities.NONE.kinds(), true);
    }
}

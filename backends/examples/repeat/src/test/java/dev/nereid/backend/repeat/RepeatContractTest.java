package dev.nereid.backend.repeat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.TestEngine;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import dev.nereid.backend.api.testkit.TestResult;
import dev.nereid.backend.api.testkit.TestTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The contract of every backend, and what this one answers. */
class RepeatContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new RepeatBackendFactory();
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
        return List.of(request(0, new int[0]), request(0, new int[]{0, 1, 0}, 1, 2, 3), request(20, new int[]{0, 0}, 4, 5));
    }

    @Override
    protected List<TestRequest> refusedRequests() {
        return List.of(request(0, new int[]{0}, 7, 8));
    }

    @Override
    protected BackendAbilities abilities() {
        return new BackendAbilities(false, true, false, BackendAbilities.NONE.kinds(), true);
    }

    @Test
    void answersWithEachNumberAndItsPlace() {
        try (TestEngine engine = TestEngine.start(factory());
                TestModel model = engine.load(Path.of(""), config())) {
            TestResult result = model.infer(request(0, new int[]{0, 0}, 40, 50));

            assertEquals(List.of(List.of(TestTensor.int32("OUT", Shape.of(1), 40), unsigned("IDX", 0)),
                    List.of(TestTensor.int32("OUT", Shape.of(1), 50), unsigned("IDX", 1))),
                    result.responses().stream().map(TestResult.Response::outputs).toList());
        }
    }

    @Test
    void refusesDifferentShapes() {
        try (TestEngine engine = TestEngine.start(factory());
                TestModel model = engine.load(Path.of(""), config())) {
            assertEquals("expected IN and DELAY shape to match, got [2] and [1]",
                    model.infer(request(0, new int[]{0}, 1, 2)).failure().getMessage());
            assertEquals(StatusCode.INVALID_ARG, model.infer(request(0, new int[]{0}, 1, 2)).failure().code());
        }
    }
}

package dev.nereid.backend.api.contract;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.BackendContractTest;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.List;

/** A correct backend that can do next to nothing, and says so, passes. */
class NarrowContractTest extends BackendContractTest {
    @Override
    protected BackendFactory factory() {
        return new EchoFactory(new FakeBackend("narrow")
                .attributes(BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD))
                .onCreateModel(NarrowContractTest::check).onCreateInstance(NarrowContractTest::check)
                .onExecute(EchoFactory.answering(EchoFactory::answer)));
    }

    private static void check(ModelContext context) {
        if (context.config().isBatching()) {
            throw InferenceException.unsupported("no batching");
        }
        for (ModelInput input : context.config().inputs()) {
            if (input.isOptional() || !input.dims().isFixed()) {
                throw InferenceException.unsupported("input '" + input.name() + "' must be required and fixed");
            }
        }
    }

    private static void check(InstanceContext context) {
        if (context.kind() != InstanceGroup.Kind.CPU) {
            throw InferenceException.unsupported("CPU only");
        }
    }

    @Override
    protected ModelConfig config() {
        return ModelConfig.builder("m").inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(2))))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(2)))).build();
    }

    @Override
    protected List<TestRequest> sampleRequests() {
        return List.of(TestRequest.of().fp32("INPUT0", Shape.of(2), 1, 2),
                TestRequest.of().fp32("INPUT0", Shape.of(2), 3, 4));
    }

    @Override
    protected BackendAbilities abilities() {
        return BackendAbilities.NONE;
    }
}

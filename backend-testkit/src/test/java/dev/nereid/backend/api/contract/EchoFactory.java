package dev.nereid.backend.api.contract;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.BackendAbilities;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.pf4j.Extension;

/** A backend for the tests of the kit: correct unless its fake is told to be wrong. */
@Extension
public final class EchoFactory implements BackendFactory {
    static final BackendAbilities ABILITIES = BackendAbilities.NONE.withBatching().withDynamicShapes()
            .withOptionalInputs().withKind(InstanceGroup.Kind.GPU).withKind(InstanceGroup.Kind.MODEL);

    private final BackendFactory backend;

    /** Creates a factory of a correct backend. */
    public EchoFactory() {
        this(new FakeBackend("echo").onExecute(answering(EchoFactory::answer)));
    }

    EchoFactory(BackendFactory backend) {
        this.backend = backend;
    }

    @Override
    public String name() {
        return backend.name();
    }

    @Override
    public ApiVersion builtFor() {
        return backend.builtFor();
    }

    @Override
    public Backend create(BackendContext context) {
        return backend.create(context);
    }

    static ModelConfig config() {
        ModelInput required = new ModelInput("INPUT0", DataType.FP32, Dims.of(Dims.ANY));
        ModelInput optional = new ModelInput("INPUT1", Optional.of(DataType.BYTES), ModelInput.Format.NONE, Dims.of(1),
                Optional.empty(), false, false, true, false);
        return ModelConfig.builder("m").backend("echo").maxBatchSize(8).inputs(List.of(required, optional))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.FP32, Dims.of(Dims.ANY)),
                        new ModelOutput("OUTPUT1", DataType.BYTES, Dims.of(1))))
                .build();
    }

    static List<TestRequest> sampleRequests() {
        return List.of(
                TestRequest.of().fp32("INPUT0", Shape.of(1, 2), 1, 2).strings("INPUT1", Shape.of(1, 1), "one"),
                TestRequest.of().fp32("INPUT0", Shape.of(2, 2), 3, 4, 5, 6).strings("INPUT1", Shape.of(2, 1), "two",
                        "three"),
                TestRequest.of().fp32("INPUT0", Shape.of(1, 3), 7, 8, 9).strings("INPUT1", Shape.of(1, 1), ""));
    }

    static List<TestRequest> refusedRequests() {
        return List.of(sampleRequests().getFirst().parameter("refuse", Parameter.of(true)));
    }

    /** Returns an execution that gives each request to the action and fails it with what the action throws. */
    static Consumer<Batch> answering(Consumer<InferenceRequest> action) {
        return batch -> {
            for (InferenceRequest request : batch.requests()) {
                try {
                    action.accept(request);
                } catch (InferenceException e) {
                    request.fail(e);
                }
            }
        };
    }

    static void answer(InferenceRequest request) {
        respond(request).send();
    }

    static InferenceResponse respond(InferenceRequest request) {
        if (request.input("INPUT0").isEmpty()) {
            throw InferenceException.invalid("request has no input 'INPUT0'");
        }
        if (request.parameters().containsKey("refuse")) {
            throw InferenceException.invalid("refused as asked");
        }
        InferenceResponse response = request.newResponse();
        for (Tensor input : request.inputs()) {
            String output = input.name().replace("INPUT", "OUTPUT");
            if (request.isOutputRequested(output)) {
                response.addOutput(output, input.dataType(), input.shape(), input.byteSize()).copyFrom(input.data());
            }
        }
        return response;
    }
}

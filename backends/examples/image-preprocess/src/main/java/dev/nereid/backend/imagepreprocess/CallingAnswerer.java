package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Calls another model with the tensor, and answers with those of its outputs that the configuration has, too. */
final class CallingAnswerer implements Answerer {
    private final String model;
    private final String input;
    private final List<String> outputs;
    private final ModelCalls models;

    CallingAnswerer(ImageSettings settings, ModelConfig config, ModelCalls models) {
        this.model = settings.calledModel().orElseThrow();
        this.input = settings.calledInput();
        this.outputs = config.outputs().stream().map(ModelOutput::name).toList();
        this.models = models;
    }

    @Override
    public void answer(InferenceRequest request, Shape shape, MemorySegment tensor) {
        String[] wanted = outputs.stream().filter(request::isOutputRequested).toArray(String[]::new);
        ModelCall call = ModelCall.of(model, new Tensor(input, DataType.FP32, shape, tensor)).requesting(wanted)
                .onBehalfOf(request);
        try (InferenceResult result = models.infer(call)) {
            InferenceResponse response = request.newResponse();
            for (String name : wanted) {
                Tensor output = result.output(name).orElseThrow(() -> InferenceException
                        .internal("model '" + model + "' did not answer with output '" + name + "'"));
                response.copyOutput(name, output.dataType(), output.shape(), output.data());
            }
            response.send();
        }
    }
}

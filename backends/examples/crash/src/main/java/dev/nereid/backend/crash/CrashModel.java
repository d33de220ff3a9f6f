package dev.nereid.backend.crash;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A model that may end its process. Output i is input i. */
final class CrashModel implements Model {
    private final ModelConfig config;
    private final Path armed;
    private final Optional<Metrics.Counter> executions;

    private CrashModel(ModelContext context, Optional<Metrics.Counter> executions) {
        this.config = context.config();
        this.armed = context.modelDirectory().resolve("armed");
        this.executions = executions;
    }

    static CrashModel create(ModelContext context) {
        if (context.config().inputs().size() != context.config().outputs().size()) {
            throw InferenceException.invalid("a model of the crash backend has as many outputs as inputs");
        }
        CrashModel model = new CrashModel(context, counter(context));
        model.crashIf("load");
        return model;
    }

    private static Optional<Metrics.Counter> counter(ModelContext context) {
        try {
            return Optional.of(context.metrics().counter("crash_executions_total", "Executions", Map.of()));
        } catch (InferenceException e) {
            if (e.code() == StatusCode.UNSUPPORTED) {
                return Optional.empty();
            }
            throw e;
        }
    }

    private void crashIf(String moment) {
        if (config.parameters().getOrDefault("when", "").equals(moment) && Files.exists(armed)) {
            Crash.of(config.parameters().getOrDefault("how", "abort")).happen();
        }
    }

    @Override
    public ModelInstance createInstance(InstanceContext instance) {
        if (instance.kind() == InstanceGroup.Kind.GPU) {
            throw InferenceException
                    .unsupported("instance '" + instance.name() + "' has kind GPU, expected CPU or MODEL");
        }
        crashIf("instance");
        return new Instance();
    }

    @Override
    public List<MemoryUsage> memoryUsage() {
        return List.of(new MemoryUsage(Placement.CPU, 1));
    }

    @Override
    public void close() {
        crashIf("close");
    }

    /** Executes. */
    private final class Instance implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            crashIf("execute");
            executions.ifPresent(Metrics.Counter::increment);
            for (InferenceRequest request : batch.requests()) {
                if (request.parameters().get("crash") instanceof Parameter.Text(String how)) {
                    Crash.of(how).happen();
                }
                answer(request);
            }
        }

        private void answer(InferenceRequest request) {
            InferenceResponse response = request.newResponse();
            for (int i = 0; i < config.outputs().size(); i++) {
                String output = config.outputs().get(i).name();
                ModelInput expected = config.inputs().get(i);
                Optional<Tensor> input = request.input(expected.name());
                if (input.isEmpty() && !expected.isOptional()) {
                    request.fail(InferenceException.invalid("the request has no input '" + expected.name() + "'"));
                    return;
                }
                if (input.isPresent() && request.isOutputRequested(output)) {
                    response.copyOutput(output, input.get().dataType(), input.get().shape(), input.get().data());
                }
            }
            response.send();
        }

        @Override
        public void close() {
            crashIf("close-instance");
        }
    }
}

package dev.nereid.isolation.border;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.pf4j.Extension;

/** Does with each request what its parameter {@code do} says. */
@Extension
public final class BorderBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public BorderBackendFactory() {
    }

    @Override
    public String name() {
        return "border";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        context.metrics().counter("border_starts_total", "Starts", Map.of()).increment();
        return model -> {
            model.metrics().counter("border_loads_total", "Loads", Map.of()).increment();
            hold(model.modelDirectory());
            return new BorderModel(model);
        };
    }

    /** Writes the process's id into a file {@code holding}, and waits as long as there is a file {@code hold}. */
    private static void hold(Path directory) {
        try {
            if (Files.exists(directory.resolve("hold"))) {
                Files.writeString(directory.resolve("part"), Long.toString(ProcessHandle.current().pid()));
                Files.move(directory.resolve("part"), directory.resolve("holding"));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        while (Files.exists(directory.resolve("hold"))) {
            LockSupport.parkNanos(1_000_000);
        }
    }

    private record BorderModel(ModelContext context) implements Model {
        @Override
        public Optional<BatchingStrategy> batchingStrategy() {
            return context.config().parameters().containsKey("strategy")
                    ? Optional.of(() -> request -> true)
                    : Optional.empty();
        }

        @Override
        public Optional<ModelConfig> completedConfig() {
            return Optional.of(context.config().toBuilder()
                    .maxBatchSize(context.config().parameters().containsKey("complete") ? 4 : 8).build());
        }

        @Override
        public List<MemoryUsage> memoryUsage() {
            return List.of(new MemoryUsage(Placement.CPU, 4711));
        }

        @Override
        public ModelInstance createInstance(InstanceContext instance) {
            return new BorderInstance(context);
        }
    }

    private record BorderInstance(ModelContext context) implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            context.metrics().histogram("border_rows", "Rows", Map.of(), 1, 2).observe(batch.rows());
            for (InferenceRequest request : batch.requests()) {
                String wish = String.valueOf(request.parameters().get("do"));
                switch (wish) {
                    case "call" -> {
                        try (InferenceResult result = context.models().infer(call(request))) {
                            answer(request, result.outputs());
                        }
                    }
                    case "listen" -> {
                        List<Tensor> outputs = new ArrayList<>();
                        List<InferenceResult> results = new ArrayList<>();
                        context.models().infer(call(request), result -> {
                            results.add(result);
                            outputs.addAll(result.outputs());
                            return true;
                        });
                        answer(request, outputs);
                        results.forEach(InferenceResult::close);
                    }
                    case "wait-for-cancel" -> {
                        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                        while (!request.isCancelled() && System.nanoTime() < deadline) {
                            LockSupport.parkNanos(1_000_000);
                        }
                        request.fail(new InferenceException(StatusCode.CANCELLED,
                                request.isCancelled() ? "seen" : "not seen"));
                    }
                    case "drop" -> {
                        addOutput(request.newResponse(), request.inputs().getFirst());
                        request.fail(InferenceException.internal("as was wished"));
                    }
                    case "throw" -> {
                        addOutput(request.newResponse(), request.inputs().getFirst());
                        throw InferenceException.internal("as was wished");
                    }
                    case "never" -> request.answerLater();
                    case "later" -> {
                        request.answerLater();
                        Thread.ofPlatform().daemon(true).start(() -> answer(request, request.inputs()));
                    }
                    default -> answer(request, request.inputs());
                }
            }
        }

        private ModelCall call(InferenceRequest request) {
            Tensor input = request.inputs().getFirst();
            return ModelCall.of(String.valueOf(request.parameters().get("target")), input).onBehalfOf(request)
                    .withParameter("from", Parameter.of("border"));
        }

        private static void answer(InferenceRequest request, List<Tensor> tensors) {
            InferenceResponse response = request.newResponse();
            addOutput(response, tensors.getFirst());
            response.setParameter("count", Parameter.of(tensors.size()));
            response.send();
        }

        private static void addOutput(InferenceResponse response, Tensor value) {
            response.copyOutput("OUTPUT0", value.dataType(), value.shape(), value.data());
        }
    }
}

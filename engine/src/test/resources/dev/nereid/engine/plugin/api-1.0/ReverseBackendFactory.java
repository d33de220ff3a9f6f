package sample.reverse;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.pf4j.Extension;

/** Reverses the bytes of INPUT0. Uses as much of the API as fits into a small backend. */
@Extension
public final class ReverseBackendFactory implements BackendFactory {
    @Override
    public String name() {
        return "reverse";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        context.metrics().gauge("reverse_settings", "Settings.", Map.of()).set(context.settings().size());
        return new Reverse();
    }

    private static final class Reverse implements Backend {
        @Override
        public BackendAttributes attributes() {
            return BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD);
        }

        @Override
        public Model createModel(ModelContext context) {
            ModelInput input = context.config().input("INPUT0")
                    .orElseThrow(() -> InferenceException.invalid("needs an input 'INPUT0'"));
            if (input.dataType().filter(type -> type == DataType.UINT8).isEmpty()) {
                throw InferenceException.unsupported("needs an input of datatype UINT8");
            }
            return new ReverseModel(context.config(), context.metrics().counter("reverse_bytes_total",
                    "Bytes that were reversed.", Map.of()));
        }
    }

    private record ReverseModel(ModelConfig config, Metrics.Counter counter) implements Model {
        @Override
        public Optional<ModelConfig> completedConfig() {
            return Optional.of(config);
        }

        @Override
        public ModelInstance createInstance(InstanceContext context) {
            return config.isBatching() ? new Batching(counter, new InputGatherer("INPUT0")) : new Single(counter);
        }
    }

    /** With the helpers. */
    private record Batching(Metrics.Counter counter, InputGatherer gatherer) implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            Tensor input = gatherer.gather(batch);
            batch.markComputeStart();
            long row = input.byteSize() / Math.max(1, batch.rows());
            byte[] reversed = reversed(input.data(), row);
            counter.add(reversed.length);
            BatchResponses responses = new BatchResponses(batch, true);
            responses.addOutput("OUTPUT0", input.dataType(), input.shape(), MemorySegment.ofArray(reversed));
            responses.send();
        }

        @Override
        public void close() {
            gatherer.close();
        }
    }

    /** Without. */
    private record Single(Metrics.Counter counter) implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            List<InferenceRequest> requests = batch.requests();
            for (InferenceRequest request : requests) {
                Tensor input = request.input("INPUT0").orElseThrow();
                byte[] reversed = reversed(input.data(), input.byteSize());
                counter.add(reversed.length);
                InferenceResponse response = request.newResponse();
                response.copyOutput("OUTPUT0", input.dataType(), input.shape(), MemorySegment.ofArray(reversed));
                response.setParameter("reversed", Parameter.of(true));
                response.send();
            }
        }
    }

    private static byte[] reversed(MemorySegment data, long row) {
        byte[] bytes = data.toArray(ValueLayout.JAVA_BYTE);
        byte[] reversed = new byte[bytes.length];
        for (int i = 0; i < bytes.length; i++) {
            int start = (int) (i / row * row);
            reversed[(int) (start + row - 1 - (i - start))] = bytes[i];
        }
        return reversed;
    }
}

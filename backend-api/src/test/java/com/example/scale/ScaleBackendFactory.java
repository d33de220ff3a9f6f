package com.example.scale;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.config.InstanceGroup;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.pf4j.Extension;

/** Multiplies INPUT0, of datatype FP32, by two. */
@Extension
public final class ScaleBackendFactory implements BackendFactory {
    @Override
    public String name() {
        return "scale";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> instance -> {
            boolean hasInput = model.config().input("INPUT0").filter(input -> !input.isOptional()).isPresent();
            if (!hasInput || instance.kind() != InstanceGroup.Kind.CPU) {
                throw InferenceException.unsupported("scale needs the CPU and an INPUT0 that is not optional");
            }
            return new ScaleInstance(model.config().isBatching(), new InputGatherer("INPUT0"));
        };
    }

    private record ScaleInstance(boolean batching, InputGatherer gatherer) implements ModelInstance {
        @Override
        public void execute(Batch batch) {
            var input = gatherer.gather(batch);
            batch.markComputeStart();
            float[] values = input.data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            for (int i = 0; i < values.length; i++) {
                values[i] *= 2;
            }
            BatchResponses responses = new BatchResponses(batch, batching);
            responses.addOutput("OUTPUT0", input.dataType(), input.shape(), MemorySegment.ofArray(values));
            responses.send();
        }

        @Override
        public void close() {
            gatherer.close();
        }
    }
}

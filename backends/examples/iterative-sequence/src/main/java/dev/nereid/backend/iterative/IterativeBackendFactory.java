package dev.nereid.backend.iterative;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ParameterText;
import java.time.Duration;
import java.util.Optional;
import org.pf4j.Extension;

/**
 * Counts the number INPUT down to 0: each execution of a request lowers it by one and answers it as OUTPUT, the request is
 * then executed again. An execution that is not the last of a request takes ROUND_DELAY_MS milliseconds, half a second unless
 * the model says otherwise.
 */
@Extension
public final class IterativeBackendFactory implements BackendFactory {
    private static final String DELAY = "ROUND_DELAY_MS";

    /** Called by the plugin loader. */
    public IterativeBackendFactory() {
    }

    @Override
    public String name() {
        return "iterative_sequence";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> new CountingModel(model.config(), delay(model.config()));
    }

    private static Duration delay(ModelConfig config) {
        int millis = ParameterText.integer(config.parameters().getOrDefault(DELAY, "500"));
        if (millis < 0) {
            throw InferenceException.invalid("parameter '" + DELAY + "' is " + millis + ", expected 0 or more");
        }
        return Duration.ofMillis(millis);
    }

    private record CountingModel(ModelConfig config, Duration delay) implements Model {
        CountingModel {
            if (config.inputs().stream().anyMatch(input -> input.isOptional() || !input.dims().isFixed())) {
                throw InferenceException.unsupported(
                        "the input of the iterative_sequence backend is one number that can't be optional");
            }
        }

        @Override
        public Optional<ModelConfig> completedConfig() {
            return Optional.of(config.toBuilder().isDecoupled(true).build());
        }

        @Override
        public ModelInstance createInstance(InstanceContext instance) {
            if (instance.kind() != InstanceGroup.Kind.CPU) {
                throw InferenceException.unsupported("instance '" + instance.name() + "' has kind " + instance.kind()
                        + ", but the iterative_sequence backend runs on the CPU only");
            }
            return new CountingInstance(delay);
        }
    }
}

package dev.nereid.backend.square;

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
import java.util.Optional;
import org.pf4j.Extension;

/**
 * Answers a request with the number IN, as often as it says. Of these answers CUSTOM_EMPTY_COUNT at the end are left out, and
 * where CUSTOM_FAIL_COUNT is not 0, an error takes the place of so many before them.
 */
@Extension
public final class SquareBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public SquareBackendFactory() {
    }

    @Override
    public String name() {
        return "square";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> new SquareModel(model.config(), count(model.config(), "CUSTOM_FAIL_COUNT"),
                count(model.config(), "CUSTOM_EMPTY_COUNT"));
    }

    private static int count(ModelConfig config, String parameter) {
        int count = ParameterText.integer(config.parameters().getOrDefault(parameter, "0"));
        if (count < 0) {
            throw InferenceException.invalid("parameter '" + parameter + "' is " + count + ", expected 0 or more");
        }
        return count;
    }

    private record SquareModel(ModelConfig config, int fails, int empties) implements Model {
        SquareModel {
            if (config.isBatching()) {
                throw InferenceException.unsupported("a model of the square backend can't batch; set max_batch_size to 0");
            }
            if (config.inputs().stream().anyMatch(input -> input.isOptional() || !input.dims().isFixed())) {
                throw InferenceException.unsupported("the input of the square backend is one number that can't be optional");
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
                        + ", but the square backend runs on the CPU only");
            }
            return new SquareInstance(fails, empties);
        }
    }
}

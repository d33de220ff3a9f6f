package dev.nereid.backend.repeat;

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
import java.util.Optional;
import org.pf4j.Extension;

/**
 * Answers a request with each number of IN, each after the milliseconds that DELAY has for it; the execution itself takes WAIT
 * milliseconds. So answers may come before and after it has returned.
 */
@Extension
public final class RepeatBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public RepeatBackendFactory() {
    }

    @Override
    public String name() {
        return "repeat";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> new RepeatModel(model.config());
    }

    private record RepeatModel(ModelConfig config) implements Model {
        RepeatModel {
            if (config.isBatching()) {
                throw InferenceException.unsupported("a model of the repeat backend can't batch; set max_batch_size to 0");
            }
            if (config.inputs().stream().anyMatch(input -> input.isOptional())) {
                throw InferenceException.unsupported("no input of a model of the repeat backend can be optional");
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
                        + ", but the repeat backend runs on the CPU only");
            }
            return new RepeatInstance();
        }
    }
}

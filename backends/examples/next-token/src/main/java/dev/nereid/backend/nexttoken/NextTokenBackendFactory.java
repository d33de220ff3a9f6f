package dev.nereid.backend.nexttoken;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ParameterText;
import java.util.Map;
import java.util.Optional;
import org.pf4j.Extension;

/** Continues TOKENS with the most likely next token, as the model {@code call_model} rates them, and streams each. */
@Extension
public final class NextTokenBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public NextTokenBackendFactory() {
    }

    @Override
    public String name() {
        return "next-token";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return model -> new NextTokenModel(model.config(), loop(model));
    }

    private static TokenLoop loop(ModelContext model) {
        Map<String, String> parameters = model.config().parameters();
        String called = Optional.ofNullable(parameters.get("call_model")).orElseThrow(() -> InferenceException
                .invalid("parameter 'call_model' is missing; it names the model that rates the next token"));
        if (model.config().isBatching()) {
            throw InferenceException.unsupported("the next-token backend does not batch; set max_batch_size to 0");
        }
        if (model.config().inputs().stream().anyMatch(input -> input.isOptional())) {
            throw InferenceException.unsupported("input 'TOKENS' can't be optional");
        }
        return new TokenLoop(model.models(), called, ParameterText.integer(parameters.getOrDefault("max_tokens", "100")),
                ParameterText.integer(parameters.getOrDefault("end_token", "0")));
    }

    private record NextTokenModel(ModelConfig config,
            TokenLoop loop) implements Model {
        @Override
        public Optional<ModelConfig> completedConfig() {
            return Optional.of(config.toBuilder().isDecoupled(true).build());
        }

        @Override
        public ModelInstance createInstance(InstanceContext instance) {
            if (instance.kind() != InstanceGroup.Kind.CPU) {
                throw InferenceException.unsupported("instances of the next-token backend are of KIND_CPU");
            }
            return batch -> batch.requests().forEach(loop::answer);
        }
    }
}

package dev.nereid.backend.identity;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import java.util.List;

/** What the instances share: which input becomes which output, and the settings. */
final class IdentityModel implements Model {
    private final List<TensorPair> pairs;
    private final IdentitySettings settings;

    IdentityModel(List<TensorPair> pairs, IdentitySettings settings) {
        this.pairs = pairs;
        this.settings = settings;
    }

    @Override
    public ModelInstance createInstance(InstanceContext context) {
        if (context.kind() == InstanceGroup.Kind.GPU) {
            throw InferenceException.unsupported("instance '" + context.name()
                    + "' has kind KIND_GPU, but the identity backend runs on the CPU only");
        }
        Delay.of(settings.instanceStartDelay());
        return new IdentityInstance(context.name(), pairs, settings);
    }
}

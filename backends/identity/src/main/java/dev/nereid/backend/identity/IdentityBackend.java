package dev.nereid.backend.identity;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.InstanceGroup;
import java.util.List;

/** Holds nothing: any thread may call an instance, and one on the CPU is enough. */
final class IdentityBackend implements Backend {
    private static final BackendAttributes ATTRIBUTES = BackendAttributes.DEFAULT
            .withThreadConfinement(ThreadConfinement.ANY_THREAD)
            .withPreferredInstanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1)))
            .withParallelInstanceLoading(true);

    @Override
    public BackendAttributes attributes() {
        return ATTRIBUTES;
    }

    @Override
    public Model createModel(ModelContext context) {
        List<TensorPair> pairs = TensorPair.allOf(context.config());
        IdentitySettings settings = IdentitySettings.parse(context.config().parameters());
        if (settings.failOnLoad().isPresent()) {
            throw InferenceException.internal(settings.failOnLoad().get());
        }
        return new IdentityModel(pairs, settings);
    }
}

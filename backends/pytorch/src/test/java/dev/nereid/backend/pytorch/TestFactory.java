package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import java.util.function.Function;

/**
 * A factory of this backend's name for another backend.
 *
 * @param creation starts it
 */
record TestFactory(Function<BackendContext, Backend> creation) implements BackendFactory {
    @Override
    public String name() {
        return "pytorch";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return creation.apply(context);
    }
}

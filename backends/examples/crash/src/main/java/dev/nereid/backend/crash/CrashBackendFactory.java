package dev.nereid.backend.crash;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/**
 * Answers with its inputs, and ends its process: in the way that the model's parameter {@code how} says (abort, null, memory,
 * hang, exit), at the moment that {@code when} says (load, instance, execute, close), if there is a file {@code armed} in the
 * model's directory. With an execution it also does what the request's parameter {@code crash} says.
 */
@Extension
public final class CrashBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public CrashBackendFactory() {
    }

    @Override
    public String name() {
        return "crash";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return CrashModel::create;
    }
}

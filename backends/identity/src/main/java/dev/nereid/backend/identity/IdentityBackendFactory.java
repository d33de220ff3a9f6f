package dev.nereid.backend.identity;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/** Contributes the identity backend. */
@Extension
public final class IdentityBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public IdentityBackendFactory() {
    }

    @Override
    public String name() {
        return "identity";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return new IdentityBackend();
    }
}

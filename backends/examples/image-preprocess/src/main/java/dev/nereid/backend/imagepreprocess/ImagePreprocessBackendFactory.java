package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/** Contributes image preprocessing. */
@Extension
public final class ImagePreprocessBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public ImagePreprocessBackendFactory() {
    }

    @Override
    public String name() {
        return "image-preprocess";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return new ImagePreprocessBackend();
    }
}

package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/** Contributes the text tagger. */
@Extension
public final class TextTaggerBackendFactory implements BackendFactory {
    /** Called by the plugin loader. */
    public TextTaggerBackendFactory() {
    }

    @Override
    public String name() {
        return "text-tagger";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return new TextTaggerBackend();
    }
}

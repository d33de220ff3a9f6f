package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import org.pf4j.Extension;

/** The plugin: serves models of the platform {@code onnxruntime_onnx}. */
@Extension
public final class OnnxRuntimeBackendFactory implements BackendFactory {
    /** Creates the factory; loads nothing. */
    public OnnxRuntimeBackendFactory() {
    }

    @Override
    public String name() {
        return "onnxruntime";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return OnnxRuntimeBackend.create(context);
    }
}

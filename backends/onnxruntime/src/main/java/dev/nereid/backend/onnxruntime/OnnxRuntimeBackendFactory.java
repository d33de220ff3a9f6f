package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import java.util.List;
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

    @Override
    public List<Diagnosis> diagnose(BackendContext context) {
        try (OrtEnvironment environment = OrtEnvironment.create(OnnxRuntimeSettings.parse(context.settings()))) {
            return List.of(Diagnosis.ok("ONNX Runtime", environment.api().libraryVersion() + " with "
                    + String.join(", ", environment.providers())));
        } catch (InferenceException e) {
            return List.of(Diagnosis.problem("ONNX Runtime", "", e.getMessage()));
        }
    }
}

package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Diagnosis;
import java.util.List;
import org.pf4j.Extension;

/** The plugin: serves models of the platform {@code tensorrt_plan}. */
@Extension
public final class TensorRtBackendFactory implements BackendFactory {
    /** Creates the factory; loads nothing. */
    public TensorRtBackendFactory() {
    }

    @Override
    public String name() {
        return "tensorrt";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        return TensorRtBackend.create(context);
    }

    @Override
    public List<Diagnosis> diagnose(BackendContext context) {
        return TrtLibraries.find(TrtSettings.parse(context.settings())).diagnoses();
    }
}

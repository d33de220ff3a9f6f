package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Diagnosis;
import java.util.List;
import org.pf4j.Extension;

/** The plugin: serves models of the platform {@code pytorch_libtorch} and {@code torch_aoti}. */
@Extension
public final class PyTorchBackendFactory implements BackendFactory {
    /** Creates the factory; loads nothing. */
    public PyTorchBackendFactory() {
    }

    @Override
    public String name() {
        return "pytorch";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public List<Diagnosis> diagnose(BackendContext context) {
        return TorchDiagnosis.of(context, new CudaGpus());
    }

    @Override
    public Backend create(BackendContext context) {
        return PyTorchBackend.create(context, new CudaGpus());
    }
}

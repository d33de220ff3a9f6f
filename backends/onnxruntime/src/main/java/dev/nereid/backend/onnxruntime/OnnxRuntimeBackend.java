package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.InstanceGroup;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;

/** ONNX Runtime, loaded into this process. */
final class OnnxRuntimeBackend implements Backend {
    private static final Logger LOGGER = System.getLogger(OnnxRuntimeBackend.class.getName());

    /** A session belongs to no thread: whoever executes it computes, and has the session's own threads help. */
    private static final BackendAttributes ATTRIBUTES = BackendAttributes.DEFAULT
            .withThreadConfinement(ThreadConfinement.ANY_THREAD).withParallelInstanceLoading(true);

    private final OrtEnvironment environment;
    private final OnnxRuntimeSettings settings;

    private OnnxRuntimeBackend(OrtEnvironment environment, OnnxRuntimeSettings settings) {
        this.environment = environment;
        this.settings = settings;
    }

    static OnnxRuntimeBackend create(BackendContext context) {
        OnnxRuntimeSettings settings = OnnxRuntimeSettings.parse(context.settings());
        OrtEnvironment environment = OrtEnvironment.create(settings);
        LOGGER.log(Level.INFO, () -> "ONNX Runtime " + environment.api().libraryVersion() + " with "
                + environment.providers() + "; " + settings.cores() + " cores for the instances of each model"
                + (settings.hasGlobalThreads()
                        ? "; all models share " + settings.globalIntraOpThreads() + " threads within operators and "
                                + settings.globalInterOpThreads() + " across"
                        : ""));
        return new OnnxRuntimeBackend(environment, settings);
    }

    @Override
    public BackendAttributes attributes() {
        // Without CUDA, KIND_AUTO means the CPU also on a machine with GPUs. The count is the server's to choose.
        return environment.providers().contains(OnnxDevice.CUDA_PROVIDER)
                ? ATTRIBUTES
                : ATTRIBUTES.withPreferredInstanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 0)));
    }

    @Override
    public Model createModel(ModelContext context) {
        return OnnxModel.create(context, environment, settings);
    }

    @Override
    public void close() {
        environment.close();
    }
}

package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.StagingMemory;

/** TensorRT, loaded into this process. */
final class TensorRtBackend implements Backend {
    private final TrtSettings settings;
    private final TensorRt trt;
    private final StagingMemory staging;

    TensorRtBackend(TrtSettings settings, TensorRt trt, StagingMemory staging) {
        this.settings = settings;
        this.trt = trt;
        this.staging = staging;
    }

    static TensorRtBackend create(BackendContext context) {
        TrtSettings settings = TrtSettings.parse(context.settings());
        TrtLibraries libraries = TrtLibraries.find(settings);
        libraries.require();
        NativeTensorRt trt = NativeTensorRt.load(libraries, settings);
        try {
            if (trt.deviceCount() == 0) {
                throw InferenceException
                        .unavailable("TensorRT can't run on this machine: the NVIDIA driver shows no GPU");
            }
            return new TensorRtBackend(settings, trt, context.stagingMemory());
        } catch (RuntimeException | Error e) {
            trt.close();
            throw e;
        }
    }

    @Override
    public BackendAttributes attributes() {
        return BackendAttributes.DEFAULT.withExecutionPolicy(settings.executionPolicy());
    }

    @Override
    public Model createModel(ModelContext context) {
        return TensorRtModel.create(context, trt, settings.versionCompatible(), staging);
    }

    @Override
    public void close() {
        trt.close();
    }
}

package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.config.ModelConfig;
import java.nio.file.Path;

/** The kinds of files that hold a model. */
enum ModelFormat {
    /** What {@code torch.jit.save} writes. */
    TORCH_SCRIPT("model.pt", "an archive made by torch.jit.save") {
        @Override
        LoadedModule load(String model, Path file, TorchDevice device, Gpus gpus, TorchParameters parameters) {
            return TorchModule.load(model, file, device, gpus, parameters);
        }
    },
    /** What {@code torch._inductor.aoti_compile_and_package} writes: compiled for one kind of device. */
    AOT_INDUCTOR("model.pt2", "a package made by torch._inductor.aoti_compile_and_package") {
        @Override
        LoadedModule load(String model, Path file, TorchDevice device, Gpus gpus, TorchParameters parameters) {
            return AotiModule.load(model, file, device);
        }
    };

    private final String defaultFile;
    private final String origin;

    ModelFormat(String defaultFile, String origin) {
        this.defaultFile = defaultFile;
        this.origin = origin;
    }

    static ModelFormat of(ModelConfig config) {
        return config.platform().equals("torch_aoti") ? AOT_INDUCTOR : TORCH_SCRIPT;
    }

    /** Returns the name of the file where the configuration gives none. */
    String defaultFile() {
        return defaultFile;
    }

    /** Returns what such a file is and where it comes from. */
    String origin() {
        return origin;
    }

    /** Loads a file that has passed {@link ModelFile#check}. */
    abstract LoadedModule load(String model, Path file, TorchDevice device, Gpus gpus, TorchParameters parameters);
}

package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.global.torch;

/** Makes TorchScript files and configurations for tests. */
final class TestScripts {
    private TestScripts() {
    }

    /** Writes a model of that source into version 1 of the model directory, which is returned. */
    static Path write(Path modelDirectory, String source) {
        try {
            Files.createDirectories(modelDirectory.resolve("1"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try (PointerScope scope = new PointerScope()) {
            JitModule module = new JitModule(new QualifiedName("__torch__.Test" + scope.hashCode()));
            module.register_parameter("weight", torch.full(new long[]{2}, new org.bytedeco.pytorch.Scalar(2.0f)),
                    false);
            module.register_buffer("state", torch.zeros(new long[]{20_000}));
            module.define(source);
            module.save(modelDirectory.resolve("1").resolve("model.pt").toString());
        }
        return modelDirectory;
    }

    static ModelConfig.Builder config(String name) {
        return ModelConfig.builder(name).backend("pytorch").platform("pytorch_libtorch");
    }

    static ModelConfig config(String name, List<ModelInput> inputs, List<ModelOutput> outputs) {
        return config(name).inputs(inputs).outputs(outputs).build();
    }

    static List<ModelInput> inputs(DataType dataType, Dims dims, String... names) {
        return Stream.of(names).map(name -> new ModelInput(name, dataType, dims)).toList();
    }

    static List<ModelOutput> outputs(DataType dataType, Dims dims, String... names) {
        return Stream.of(names).map(name -> new ModelOutput(name, dataType, dims)).toList();
    }
}

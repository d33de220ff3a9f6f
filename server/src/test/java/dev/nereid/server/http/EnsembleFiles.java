package dev.nereid.server.http;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Writes models of the {@link EchoBackend}, and ensembles of them, into the directory of a {@link TestServer}. */
final class EnsembleFiles {
    private static final String ONE = "instance_group [{ count: 1 kind: KIND_CPU }]\n";

    private final Path models;

    EnsembleFiles(Path directory) {
        models = directory.resolve("models");
    }

    /** Writes a model of one instance whose tensors are FP32. */
    EnsembleFiles model(String name, String dims, String more) {
        return write(name, "backend: \"echo\"\n" + ONE + more + "\n" + tensors(dims, dims));
    }

    /** Writes an ensemble whose tensors are FP32. */
    EnsembleFiles ensemble(String name, String dims, String more, String... steps) {
        return write(name, "platform: \"ensemble\"\n" + more + "\n" + tensors(dims, dims) + scheduling("", steps));
    }

    static String scheduling(String more, String... steps) {
        return "ensemble_scheduling {\n" + more + "\n" + String.join("\n", steps) + "\n}\n";
    }

    private static String tensors(String inputDims, String outputDims) {
        return """
                input [{ name: "INPUT0" data_type: TYPE_FP32 dims: [ %s ] }]
                output [{ name: "OUTPUT0" data_type: TYPE_FP32 dims: [ %s ] }]
                """.formatted(inputDims, outputDims);
    }

    /** Returns a step of a model with one input and one output. */
    static String step(String model, String from, String to) {
        return "step { model_name: \"%s\" model_version: -1 input_map { key: \"INPUT0\" value: \"%s\" } "
                .formatted(model, from) + "output_map { key: \"OUTPUT0\" value: \"%s\" } }".formatted(to);
    }

    /** Writes a configuration and a version. */
    EnsembleFiles write(String name, String config) {
        return file(name + "/config.pbtxt", config).file(name + "/1/model.bin", "");
    }

    EnsembleFiles file(String path, String content) {
        try {
            Path file = models.resolve(path);
            Files.createDirectories(file.getParent());
            Files.writeString(file, content);
            return this;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

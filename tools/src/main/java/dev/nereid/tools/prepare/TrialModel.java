package dev.nereid.tools.prepare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;

/** The model that a trial run serves. */
enum TrialModel {
    /** A small TorchScript model, so that the backend's classes are learnt, too. */
    MLP("mlp", "INPUT__0", "1,128"),
    /** A model of the identity backend, for where TorchScript can't be had. */
    ECHO("echo", "INPUT0", "128");

    private static final int ELEMENTS = 128;

    private final String modelName;
    private final String input;
    private final String shape;

    TrialModel(String modelName, String input, String shape) {
        this.modelName = modelName;
        this.input = input;
        this.shape = shape;
    }

    String modelName() {
        return modelName;
    }

    /** Returns the body of a request. */
    String request() {
        return "{\"inputs\":[{\"name\":\"" + input + "\",\"shape\":[" + shape + "],\"datatype\":\"FP32\",\"data\":["
                + String.join(",", Collections.nCopies(ELEMENTS, "1")) + "]}]}";
    }

    /** Writes a repository with {@link #ECHO}. */
    static void writeEcho(Path repository) throws IOException {
        Path model = repository.resolve(ECHO.modelName);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                backend: "identity"
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 128 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 128 ] } ]
                """);
    }
}

package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelOutput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * Finds the files that a configuration names, each inside the directory where it belongs. Files need not exist, except
 * where they are read here.
 */
public final class ModelFiles {
    /** The largest label file that is read. */
    private static final int MAX_LABEL_BYTES = 64 << 20;

    private static final Pattern VERSION = Pattern.compile("0|[1-9][0-9]*");

    private ModelFiles() {
    }

    /**
     * Returns whether a name in a repository or in a model's directory is that of something which file systems, volumes
     * and tools leave there, such as {@code lost+found}, {@code ..data} and {@code .ipynb_checkpoints}.
     */
    public static boolean isLeftByTools(String name) {
        return name.startsWith(".") || name.equals("lost+found");
    }

    /** Returns whether a directory of that name holds a version of a model. */
    static boolean isVersion(String name) {
        if (!VERSION.matcher(name).matches()) {
            return false;
        }
        try {
            return Long.parseLong(name) >= 0;
        } catch (NumberFormatException e) {
            return false;
        }
    }

    /** Reads the labels of every output that has a label file: output name to labels, whose index is the class. */
    public static Map<String, List<String>> labels(ModelConfig config, Path modelDirectory) {
        Map<String, List<String>> labels = new LinkedHashMap<>();
        for (ModelOutput output : config.getOutputList()) {
            String file = output.getLabelFilename();
            if (!file.isEmpty()) {
                Path path = PathGuard.named(modelDirectory, file)
                        .orElseThrow(() -> new InferenceException(StatusCode.UNSUPPORTED,
                                "label file path '" + Printable.escape(file) + "' for output '" + output.getName()
                                        + "' in model '" + config.getName() + "' is outside model directory"));
                labels.put(output.getName(), TextFiles.read(path, MAX_LABEL_BYTES).lines().toList());
            }
        }
        return labels;
    }

    /** Returns {@code file} in a version's directory: the model itself. */
    public static Path modelFile(Path versionDirectory, String file) {
        return inside("model file", versionDirectory, file);
    }

    /** Returns {@code file} in the model's directory of warm-up data. */
    public static Path warmupFile(Path modelDirectory, String file) {
        return inside("warmup data file", modelDirectory.resolve("warmup"), file);
    }

    /** Returns {@code file} in the model's directory of initial states. */
    public static Path initialStateFile(Path modelDirectory, String file) {
        return inside("initial state file", modelDirectory.resolve("initial_state"), file);
    }

    /** Returns the file named by {@code runtime} in a directory of backends. */
    public static Path runtimeFile(Path backendDirectory, String runtime, String modelName) {
        return PathGuard.named(backendDirectory, runtime)
                .orElseThrow(() -> InferenceException.invalid("backend library name '" + Printable.escape(runtime)
                        + "' escapes backend directory '" + backendDirectory + "', for model '" + modelName
                        + "', check model config runtime field"));
    }

    /** Returns the error that clients know for a file of a model that cannot be read. */
    public static InferenceException unreadable(Path file, IOException failure) {
        return new InferenceException(StatusCode.INTERNAL, TextFiles.failureText(file, failure), failure);
    }

    private static Path inside(String what, Path directory, String file) {
        Path path = PathGuard.named(directory, file).orElseThrow(() -> InferenceException
                .invalid(what + " '" + Printable.escape(file) + "' is outside its directory"));
        if (Files.isSymbolicLink(path)) {
            checkLink(what, path, file);
        }
        return path;
    }

    private static void checkLink(String what, Path path, String file) {
        try {
            // As a read will find it; the real path of a file in another process's root is that of another file.
            BasicFileAttributes ignored = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, what + " '" + Printable.escape(file)
                    + "' is a link that can't be followed: " + FileFailures.reason(path, e), e);
        }
    }
}

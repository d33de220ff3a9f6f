package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** Which backend, platform and file name belong together, and how one is found from another. */
final class Platforms {
    static final String ENSEMBLE = "ensemble";
    static final String TENSORRT_PLAN = "tensorrt_plan";
    private static final String PYTORCH = "pytorch";
    private static final String TORCHSCRIPT = "pytorch_libtorch";
    private static final String TORCHSCRIPT_ALIAS = "libtorch";
    private static final String TORCH_AOTI = "torch_aoti";

    /** In the order in which they are tried when no backend is given. An empty platform has no name of its own. */
    private static final List<Known> KNOWN = List.of(
            new Known("tensorflow", "tensorflow_savedmodel", "model.savedmodel"),
            new Known("tensorflow", "tensorflow_graphdef", "model.graphdef"),
            new Known("tensorrt", TENSORRT_PLAN, "model.plan"),
            new Known("onnxruntime", "onnxruntime_onnx", "model.onnx"), new Known("openvino", "", "model.xml"),
            new Known(PYTORCH, TORCHSCRIPT, "model.pt"), new Known(PYTORCH, TORCH_AOTI, "model.pt2"),
            new Known("python", "", "model.py"));

    private static final Map<String, Set<String>> PLATFORMS_BY_BACKEND = Map.of("tensorflow",
            Set.of("tensorflow_savedmodel", "tensorflow_graphdef"), "tensorrt", Set.of(TENSORRT_PLAN), "onnxruntime",
            Set.of("onnxruntime_onnx"), PYTORCH, Set.of(TORCHSCRIPT, TORCH_AOTI));

    private Platforms() {
    }

    /** Fills in backend, platform and file name where they can be told from each other or from the files. */
    static ModelConfig fill(ModelConfig config, Path modelDirectory, String modelName) {
        if (config.getPlatform().equals(ENSEMBLE)) {
            return config;
        }
        ModelConfig.Builder builder = config.toBuilder();
        boolean isPlatformGiven = !config.getPlatform().isEmpty();
        if (config.getPlatform().equals(TORCHSCRIPT_ALIAS)
                && (config.getBackend().isEmpty() || config.getBackend().equals(PYTORCH))) {
            builder.setPlatform(TORCHSCRIPT);
        }
        if (builder.getBackend().isEmpty()) {
            match(builder, modelDirectory).ifPresent(known -> {
                builder.setBackend(known.backend());
                if (!isPlatformGiven) {
                    builder.setPlatform(known.platform());
                }
                // With no platform given, a model of PyTorch gets the file name too; see below for all others.
                if (!isPlatformGiven && builder.getDefaultModelFilename().isEmpty()) {
                    builder.setDefaultModelFilename(known.file());
                }
            });
        }
        if (builder.getBackend().isEmpty() && builder.getPlatform().isEmpty()
                && builder.getDefaultModelFilename().isEmpty()) {
            fillFromName(builder, modelName);
        }
        completePair(builder, isPlatformGiven);
        return builder.build();
    }

    private static Optional<Known> match(ModelConfig.Builder config, Path modelDirectory) {
        boolean isNothingGiven = config.getPlatform().isEmpty() && config.getDefaultModelFilename().isEmpty();
        Optional<Path> versionDirectory = isNothingGiven ? firstVersion(modelDirectory) : Optional.empty();
        for (Known known : KNOWN) {
            boolean isPlatform = !known.platform().isEmpty() && known.platform().equals(config.getPlatform());
            boolean isFile = known.file().equals(config.getDefaultModelFilename());
            boolean isThere = versionDirectory.filter(directory -> Files.exists(directory.resolve(known.file())))
                    .isPresent();
            if (isPlatform || isFile || isThere) {
                return Optional.of(known);
            }
        }
        return Optional.empty();
    }

    private static void completePair(ModelConfig.Builder config, boolean isPlatformGiven) {
        switch (config.getBackend()) {
            case PYTORCH -> {
                if (config.getPlatform().isEmpty()) {
                    config.setPlatform(TORCHSCRIPT);
                }
                if (config.getDefaultModelFilename().isEmpty()) {
                    if (config.getPlatform().equals(TORCH_AOTI)) {
                        config.setDefaultModelFilename("model.pt2");
                    } else if (!isPlatformGiven) {
                        config.setDefaultModelFilename("model.pt");
                    }
                }
            }
            case "tensorrt" -> fillBoth(config, TENSORRT_PLAN, "model.plan");
            case "onnxruntime" -> fillBoth(config, "onnxruntime_onnx", "model.onnx");
            case "openvino" -> fillBoth(config, "", "model.xml");
            case "python" -> fillBoth(config, "", "model.py");
            default -> {
                // Any other backend has no file name that is known here.
            }
        }
    }

    private static void fillBoth(ModelConfig.Builder config, String platform, String file) {
        if (config.getPlatform().isEmpty()) {
            config.setPlatform(platform);
        }
        if (config.getDefaultModelFilename().isEmpty()) {
            config.setDefaultModelFilename(file);
        }
    }

    private static void fillFromName(ModelConfig.Builder config, String modelName) {
        int dot = modelName.indexOf('.');
        String backend = dot < 0 ? "" : modelName.substring(dot + 1);
        if (backend.isEmpty()) {
            throw InferenceException.invalid("Invalid model name: Could not determine backend for model '" + modelName
                    + "' with no backend in model configuration. Expected model name of the form "
                    + "'model.<backend_name>'.");
        }
        config.setBackend(backend).setDefaultModelFilename("model." + backend);
    }

    /** Refuses a known backend with a platform that is not its own. Other backends may have any platform. */
    static void checkPair(ModelConfig config) {
        if (config.getPlatform().equals(ENSEMBLE)) {
            if (!config.getBackend().isEmpty()) {
                throw InferenceException.invalid("Ensemble model '" + config.getName()
                        + "' must have platform type 'ensemble' and empty backend type");
            }
            return;
        }
        Set<String> platforms = PLATFORMS_BY_BACKEND.get(config.getBackend());
        if (platforms != null && !platforms.contains(config.getPlatform())) {
            throw InferenceException.invalid("unexpected 'platform' and 'backend' pair, got:" + config.getPlatform()
                    + ", " + config.getBackend());
        }
    }

    /** Returns the first of all version directories by name. */
    private static Optional<Path> firstVersion(Path modelDirectory) {
        try (Stream<Path> entries = Files.list(modelDirectory)) {
            return entries.filter(entry -> ModelFiles.isVersion(String.valueOf(entry.getFileName())))
                    .filter(Files::isDirectory).min((a, b) -> a.toString().compareTo(b.toString()));
        } catch (IOException | UncheckedIOException e) {
            // Somebody is just replacing the directory; what else is known has to do.
            return Optional.empty();
        }
    }

    private record Known(String backend, String platform, String file) {
    }
}

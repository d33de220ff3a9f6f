package dev.nereid.tools.check;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.BatchingAdvice;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.Devices;
import dev.nereid.repository.config.InitialStates;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.RepositoryAgents;
import dev.nereid.repository.config.SequenceAdvice;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Takes one model through what a server does when it loads it. A server ends at the first error; here each stage is
 * tried, so that one run shows as much as it can.
 */
final class ModelCheck {
    /** The file of a model, for backends that always need one. */
    private static final Map<String, String> MODEL_FILES = Map.of("pytorch", "model.pt", "tensorrt", "model.plan",
            "onnxruntime", "model.onnx", "openvino", "model.xml", "python", "model.py");
    /** Backends that find out inputs and outputs from the model. */
    private static final Set<String> COMPLETING = Set.of("tensorrt", "onnxruntime", "openvino", "python", "tensorflow");
    private static final String PYTORCH = "pytorch";

    private final ConfigLoader loader;
    private final Optional<BackendCheck> backends;

    ModelCheck(ConfigLoader loader, Optional<BackendCheck> backends) {
        this.loader = loader;
        this.backends = backends;
    }

    /** Returns what is wrong with a model that could be read. */
    List<Problem> check(PolledModel model) {
        List<Problem> problems = new ArrayList<>();
        String name = model.name();
        model.warnings().forEach(warning -> problems.add(Problem.warning(name, warning)));
        attempt(name, true, problems, model::checkVersions);
        model.hint().ifPresent(hint -> problems.add(Problem.warning(name, hint)));
        ModelConfig config = model.config();
        if (!config.hasEnsembleScheduling()) {
            backends.flatMap(known -> known.problem(config.getBackend()))
                    .ifPresent(problem -> problems.add(Problem.warning(name, problem)));
            checkInstances(config, problems);
            checkModelFiles(model, problems);
        }
        boolean isCertain = !mayBeCompleted(config);
        attempt(name, isCertain, problems, () -> loader.complete(config, Optional.empty()));
        checkPyTorch(config, problems);
        attempt(name, true, problems, () -> ModelFiles.labels(config, model.directory()));
        checkInitialStates(model, isCertain, problems);
        attempt(name, true, problems, () -> RepositoryAgents.run(config, model.directory()));
        if (!config.hasEnsembleScheduling() && problems.stream().noneMatch(Problem::isError)) {
            attempt(name, true, problems, () -> SchedulingCheck.check(ModelConfigs.toRecord(config)));
        }
        if (problems.stream().noneMatch(Problem::isError) && isCertain) {
            BatchingAdvice.of(ModelConfigs.toRecord(config), Optional.empty())
                    .forEach(advice -> problems.add(Problem.warning(name, "dynamic_batching: " + advice)));
            SequenceAdvice.of(ModelConfigs.toRecord(config), Optional.empty())
                    .forEach(advice -> problems.add(Problem.warning(name, "sequence_batching: " + advice)));
            attempt(name, true, problems,
                    () -> WarmupCheck.check(ModelConfigs.toRecord(config), model.directory()));
        }
        return problems;
    }

    /** Returns whether inputs and outputs may be found out by the backend. */
    boolean mayBeCompleted(ModelConfig config) {
        return loader.isAutoCompleteOn() && COMPLETING.contains(config.getBackend());
    }

    /** Where it is checked, there need not be the GPUs that a model asks for. */
    private static void checkInstances(ModelConfig config, List<Problem> problems) {
        try {
            ConfigLoader.withInstances(config, Devices.NONE, BackendAttributes.DEFAULT);
        } catch (InferenceException e) {
            boolean wantsGpu = config.getInstanceGroupList().stream()
                    .anyMatch(group -> group.getKind() == ModelInstanceGroup.Kind.KIND_GPU
                            || (group.getKind() == ModelInstanceGroup.Kind.KIND_AUTO && group.getGpusCount() > 0));
            if (!wantsGpu) {
                problems.add(Problem.error(config.getName(), e.getMessage()));
            } else if (attempt(config.getName(), true, problems,
                    () -> ConfigLoader.withInstances(config, imagined(config), BackendAttributes.DEFAULT))) {
                problems.add(Problem.warning(config.getName(), e.getMessage()));
            }
        }
    }

    /** Returns a machine that has all GPUs that a model names. */
    private static Devices imagined(ModelConfig config) {
        Devices.ComputeCapability capability = Devices.NONE.minimum();
        Set<Integer> named = new TreeSet<>(Set.of(0));
        config.getInstanceGroupList().forEach(group -> group.getGpusList().stream().filter(gpu -> gpu >= 0)
                .forEach(named::add));
        return new Devices(true, named.stream().map(gpu -> new Devices.Gpu(gpu, capability)).toList(),
                capability);
    }

    private static void checkModelFiles(PolledModel model, List<Problem> problems) {
        ModelConfig config = model.config();
        String given = config.getDefaultModelFilename();
        String file = given.isEmpty() ? MODEL_FILES.getOrDefault(config.getBackend(), "") : given;
        for (long version : model.versions()) {
            Path directory = model.versionDirectory(version);
            attempt(model.name(), true, problems, () -> {
                config.getCcModelFilenamesMap().values().forEach(each -> ModelFiles.modelFile(directory, each));
                if (!file.isEmpty()) {
                    Path path = ModelFiles.modelFile(directory, file);
                    if (MODEL_FILES.containsKey(config.getBackend()) && !Files.exists(path)) {
                        throw InferenceException.unavailable(
                                "unable to find '" + path + "' for model instance '" + model.name() + "'");
                    }
                }
            });
        }
    }

    /** PyTorch finds out nothing of a model itself, so that what is missing stays missing. */
    private static void checkPyTorch(ModelConfig config, List<Problem> problems) {
        if (config.getBackend().equals(PYTORCH)) {
            if (config.getInputCount() == 0) {
                problems.add(Problem.error(config.getName(),
                        "model configuration must contain at least one input, none were specified."));
            }
            if (config.getOutputCount() == 0) {
                problems.add(Problem.error(config.getName(),
                        "model configuration must contain at least one output, none were specified."));
            }
        }
    }

    /** Where the backend may still complete the configuration, datatypes of states may be missing. */
    private static void checkInitialStates(PolledModel model, boolean isCertain, List<Problem> problems) {
        attempt(model.name(), isCertain, problems, () -> InitialStates.read(model.config(), model.directory()));
        InitialStates.ignored(model.config())
                .forEach(warning -> problems.add(Problem.warning(model.name(), "sequence_batching: " + warning)));
    }

    /** Returns the size of a file, which must be there. */
    static long sizeOf(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            throw ModelFiles.unreadable(file, e);
        }
    }

    /** Returns whether a step succeeds; its failure becomes a problem. */
    private static boolean attempt(String model, boolean isError, List<Problem> problems, Runnable step) {
        try {
            step.run();
            return true;
        } catch (InferenceException e) {
            problems.add(new Problem(model, isError, e.getMessage()));
            return false;
        }
    }
}

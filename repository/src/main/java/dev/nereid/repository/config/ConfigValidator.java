package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelDynamicBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling;
import dev.nereid.repository.config.proto.ConfigProto.ModelMetrics;
import dev.nereid.repository.config.proto.ConfigProto.ModelQueuePolicy;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelWarmup;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Refuses configurations that cannot work. {@link #checkGeneral} needs nothing but the normalised configuration,
 * {@link #checkInstanceGroups} follows once the backend is known, {@link #checkTensors} once the backend has completed
 * inputs and outputs.
 */
public final class ConfigValidator {
    private ConfigValidator() {
    }

    /** Checks everything but instance groups, inputs and outputs. */
    public static void checkGeneral(ModelConfig config) {
        String name = config.getName();
        if (name.isEmpty()) {
            throw invalid("model configuration must specify 'name'");
        }
        if (config.getBackend().isEmpty() && !config.getPlatform().equals(Platforms.ENSEMBLE)) {
            throw invalid("unexpected platform type '" + config.getPlatform() + "' for " + name);
        }
        Platforms.checkPair(config);
        if (config.getMaxBatchSize() < 0) {
            throw invalid("'max_batch_size' must be non-negative value for " + name);
        }
        if (!config.hasVersionPolicy()) {
            throw invalid("must specify 'version policy' for " + name);
        }
        if (config.hasDynamicBatching()) {
            checkDynamicBatching(config.getDynamicBatching(), config.getMaxBatchSize(), name);
        }
        if (config.hasSequenceBatching()) {
            checkSequenceBatching(config);
        }
        if (config.hasEnsembleScheduling()) {
            EnsembleGraph.check(config);
        } else if (config.getPlatform().equals(Platforms.ENSEMBLE)) {
            throw invalid("ensemble scheduling must be set for ensemble " + name + " whose platform is ensemble");
        }
        checkResponseCache(config);
        for (ModelMetrics.MetricControl control : config.getModelMetrics().getMetricControlList()) {
            checkMetric(control);
        }
        checkFiles(config);
        RepositoryAgents.check(config);
    }

    /** Checks instance groups after normalisation. */
    public static void checkInstanceGroups(ModelConfig config, Devices devices) {
        InstanceGroupValidator.check(config, devices);
    }

    /** Checks inputs, outputs, and the tensors made for ragged batching. */
    public static void checkTensors(ModelConfig config) {
        TensorValidator.check(config);
    }

    /** Checks what a backend relies on when it gets the model, before it completes the configuration. */
    static void checkForBackend(ModelConfig config) {
        checkRuntime(config);
        TensorValidator.checkSourceCounts(config);
    }

    /** Refuses a configuration whose name is not that of its directory. */
    public static void checkDirectoryName(ModelConfig config, String directoryName) {
        if (!config.getName().equals(directoryName)) {
            throw invalid("unexpected directory name '" + directoryName + "' for model '"
                    + Printable.escape(config.getName()) + "', directory name must equal model name");
        }
    }

    /** Returns what an operator should know although it is no error. */
    public static List<String> warnings(ModelConfig config) {
        List<String> warnings = new ArrayList<>();
        if (config.hasSequenceBatching() && config.containsParameters("TRITON_BATCH_STRATEGY_PATH")) {
            warnings.add("TRITON_BATCH_STRATEGY_PATH cannot be specified with sequence batcher, "
                    + "using default batching strategy");
        }
        InvisibleCharacters.inValues(config)
                .forEach(found -> warnings.add("configuration of model '" + config.getName() + "': " + found));
        warnings.addAll(UnusedSettings.of(config));
        return warnings;
    }

    private static void checkDynamicBatching(ModelDynamicBatching batching, int maxBatchSize, String name) {
        for (int size : batching.getPreferredBatchSizeList()) {
            if (size <= 0) {
                throw invalid("dynamic batching preferred size must be positive for " + name);
            }
            if (size > maxBatchSize) {
                throw invalid("dynamic batching preferred size must be <= max batch size for " + name);
            }
        }
        long levels = batching.getPriorityLevels();
        if (levels != 0) {
            if (!isLevel(batching.getDefaultPriorityLevel(), levels)) {
                throw invalid("default priority level must be in range [1, " + Long.toUnsignedString(levels) + "] for "
                        + name);
            }
            for (long level : batching.getPriorityQueuePolicyMap().keySet()) {
                if (!isLevel(level, levels)) {
                    throw invalid("priority queue policy must have priority level in range [1, "
                            + Long.toUnsignedString(levels) + "] for " + name);
                }
            }
        }
        if (batching.getPreserveOrdering()) {
            if (Long.compareUnsigned(levels, 1) > 0) {
                throw invalid("Only one priority level is allowed when 'preserve_ordering' is true for " + name);
            }
            boolean canOvertake = Stream
                    .concat(Stream.of(batching.getDefaultQueuePolicy()),
                            batching.getPriorityQueuePolicyMap().values().stream())
                    .anyMatch(policy -> policy.getTimeoutAction() == ModelQueuePolicy.TimeoutAction.DELAY
                            && policy.getDefaultTimeoutMicroseconds() != 0);
            if (canOvertake) {
                throw invalid("Queue policy can not have DELAY as timeout action when 'preserve_ordering' is true for "
                        + name);
            }
        }
    }

    private static boolean isLevel(long level, long levels) {
        return level != 0 && Long.compareUnsigned(level, levels) <= 0;
    }

    private static void checkSequenceBatching(ModelConfig config) {
        ModelSequenceBatching batching = config.getSequenceBatching();
        SequenceControls.check(batching, config.getName());
        for (int size : batching.getOldest().getPreferredBatchSizeList()) {
            if (size <= 0) {
                throw invalid("sequence batching preferred batch size must be positive for " + config.getName());
            }
            if (size > config.getMaxBatchSize()) {
                throw invalid(
                        "sequence batching preferred batch size must be <= max batch size for " + config.getName());
            }
        }
        float utilization = batching.getDirect().getMinimumSlotUtilization();
        if (!(utilization >= 0 && utilization <= 1)) {
            throw invalid("sequence batching minimum slot utilization must be in range (0.0, 1.0] for "
                    + config.getName());
        }
    }

    private static void checkResponseCache(ModelConfig config) {
        if (!config.getResponseCache().getEnable()) {
            return;
        }
        String prefix = "Response Cache does not currently support model " + config.getName();
        if (config.hasSequenceBatching()) {
            throw invalid(prefix + " with sequence batching scheduler. Please disable the response cache.");
        }
        if (config.getModelTransactionPolicy().getDecoupled()) {
            throw invalid(prefix + " with 'decoupled' transaction policy. Please disable the response cache.");
        }
    }

    private static void checkMetric(ModelMetrics.MetricControl control) {
        if (!control.hasMetricIdentifier()) {
            throw invalid("metric control must specify 'metric_identifier'");
        }
        if (control.getMetricIdentifier().getFamily().isEmpty()) {
            throw invalid("metric identifier must specify non-empty 'family'");
        }
        if (!control.hasHistogramOptions()) {
            throw invalid("metric control must specify 'histogram_options'");
        }
        if (control.getHistogramOptions().getBucketsCount() == 0) {
            throw invalid("histogram options must specify non-empty 'buckets'");
        }
    }

    /**
     * Refuses file names that lead out of their directory whatever that is. Label files are left to the load, which
     * answers them with a code of their own; links are found when a file is opened.
     */
    private static void checkFiles(ModelConfig config) {
        checkFile("default_model_filename", config.getDefaultModelFilename(), config);
        for (String file : config.getCcModelFilenamesMap().values()) {
            checkFile("cc_model_filenames", file, config);
        }
        checkFile("runtime", config.getRuntime(), config);
        for (ModelWarmup warmup : config.getModelWarmupList()) {
            for (ModelWarmup.Input input : warmup.getInputsMap().values()) {
                checkFile("input_data_file", input.getInputDataFile(), config);
            }
        }
        for (ModelSequenceBatching.State state : config.getSequenceBatching().getStateList()) {
            for (ModelSequenceBatching.InitialState initial : state.getInitialStateList()) {
                checkFile("data_file", initial.getDataFile(), config);
            }
        }
        for (ModelEnsembling.Step step : config.getEnsembleScheduling().getStepList()) {
            PathGuard.checkModelName(step.getModelName());
            if (!step.getModelNamespace().isEmpty()) {
                throw invalid("ensemble '" + config.getName() + "' names namespace '"
                        + Printable.escape(step.getModelNamespace()) + "' of model '" + step.getModelName()
                        + "', but with --model-namespacing the server finds it itself; remove 'model_namespace'");
            }
        }
    }

    /** Backends are named, not found by the file of a library: what the reference would have loaded is not here. */
    private static void checkRuntime(ModelConfig config) {
        String runtime = config.getRuntime();
        if (runtime.equals("model.py")) {
            throw invalid("'runtime' of model '" + config.getName()
                    + "' is 'model.py', but models written in Python can't be run by backend '" + config.getBackend()
                    + "'; export the model, and remove 'runtime'");
        }
        if (!runtime.isEmpty() && !runtime.equals("libtriton_" + config.getBackend() + ".so")
                && !runtime.equals(config.getBackend() + ".jar")) {
            throw invalid("unable to find backend library '" + Printable.escape(runtime) + "' for model '"
                    + config.getName() + "'; backend '" + config.getBackend()
                    + "' is found by its name, remove 'runtime'");
        }
    }

    private static void checkFile(String field, String file, ModelConfig config) {
        if (!file.isEmpty() && !PathGuard.isRelative(file)) {
            throw invalid("'" + field + "' of model '" + config.getName() + "' is '" + Printable.escape(file)
                    + "', expected a path that stays within the model's directory");
        }
    }

    private static InferenceException invalid(String message) {
        return InferenceException.invalid(message);
    }
}

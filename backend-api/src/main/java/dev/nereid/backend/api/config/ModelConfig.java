package dev.nereid.backend.api.config;

import dev.nereid.backend.api.InferenceException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The configuration of a model.
 *
 * @param name the model's name
 * @param platform the platform, such as {@code pytorch_libtorch}; empty where only the backend is named
 * @param backend the backend's name; empty for ensembles
 * @param runtime the file that replaces the backend's own; empty for none
 * @param versionPolicy which versions are served
 * @param maxBatchSize the largest first dimension; 0 where the model has no batch dimension
 * @param inputs the inputs
 * @param outputs the outputs
 * @param batchInputs inputs made from the shapes of a batch
 * @param batchOutputs outputs split by the shapes of a batch
 * @param optimization hints for the execution
 * @param scheduling how requests become executions
 * @param instanceGroups the instances
 * @param defaultModelFilename the file in the version directory; empty for the backend's own default
 * @param ccModelFilenames files by compute capability
 * @param metricTags extra labels of the model's metrics
 * @param parameters settings for the backend
 * @param warmups samples executed before the model is ready
 * @param operationLibraries libraries of custom operations
 * @param isDecoupled whether a request may have any number of responses
 * @param repositoryAgents hooks for load and unload
 * @param isResponseCacheEnabled whether responses are cached
 * @param histogramBuckets buckets of the model's histograms
 */
public record ModelConfig(String name, String platform, String backend, String runtime, VersionPolicy versionPolicy,
        int maxBatchSize, List<ModelInput> inputs, List<ModelOutput> outputs, List<BatchInput> batchInputs,
        List<BatchOutput> batchOutputs, Optimization optimization, Scheduling scheduling,
        List<InstanceGroup> instanceGroups, String defaultModelFilename, Map<String, String> ccModelFilenames,
        Map<String, String> metricTags, Map<String, String> parameters, List<Warmup> warmups,
        List<String> operationLibraries, boolean isDecoupled, List<RepositoryAgent> repositoryAgents,
        boolean isResponseCacheEnabled, List<HistogramBuckets> histogramBuckets) {
    /** Copies lists and maps. */
    public ModelConfig {
        inputs = List.copyOf(inputs);
        outputs = List.copyOf(outputs);
        batchInputs = List.copyOf(batchInputs);
        batchOutputs = List.copyOf(batchOutputs);
        instanceGroups = List.copyOf(instanceGroups);
        ccModelFilenames = Map.copyOf(ccModelFilenames);
        metricTags = Map.copyOf(metricTags);
        parameters = Map.copyOf(parameters);
        warmups = List.copyOf(warmups);
        operationLibraries = List.copyOf(operationLibraries);
        repositoryAgents = List.copyOf(repositoryAgents);
        histogramBuckets = List.copyOf(histogramBuckets);
    }

    /** Returns a builder in which everything has its default. */
    public static Builder builder(String name) {
        Builder builder = new Builder();
        builder.name = name;
        return builder;
    }

    /** Returns a builder that holds this configuration. */
    public Builder toBuilder() {
        Builder builder = new Builder();
        builder.name = name;
        builder.platform = platform;
        builder.backend = backend;
        builder.runtime = runtime;
        builder.versionPolicy = versionPolicy;
        builder.maxBatchSize = maxBatchSize;
        builder.inputs = inputs;
        builder.outputs = outputs;
        builder.batchInputs = batchInputs;
        builder.batchOutputs = batchOutputs;
        builder.optimization = optimization;
        builder.scheduling = scheduling;
        builder.instanceGroups = instanceGroups;
        builder.defaultModelFilename = defaultModelFilename;
        builder.ccModelFilenames = ccModelFilenames;
        builder.metricTags = metricTags;
        builder.parameters = parameters;
        builder.warmups = warmups;
        builder.operationLibraries = operationLibraries;
        builder.isDecoupled = isDecoupled;
        builder.repositoryAgents = repositoryAgents;
        builder.isResponseCacheEnabled = isResponseCacheEnabled;
        builder.histogramBuckets = histogramBuckets;
        return builder;
    }

    /** Returns whether requests have a batch dimension. */
    public boolean isBatching() {
        return maxBatchSize > 0;
    }

    /** Returns the input of that name. */
    public Optional<ModelInput> input(String inputName) {
        return inputs.stream().filter(input -> input.name().equals(inputName)).findFirst();
    }

    /** Returns the output of that name. */
    public Optional<ModelOutput> output(String outputName) {
        return outputs.stream().filter(output -> output.name().equals(outputName)).findFirst();
    }

    /**
     * Returns the number in that parameter, or {@code otherwise} where there is no such parameter.
     *
     * @throws InferenceException INVALID_ARG when the parameter is not a finite number
     */
    public double numberParameter(String parameter, double otherwise) {
        String text = parameters.get(parameter);
        if (text == null) {
            return otherwise;
        }
        double value;
        try {
            value = Double.parseDouble(text);
        } catch (NumberFormatException e) {
            value = Double.NaN;
        }
        if (!Double.isFinite(value)) {
            throw InferenceException.invalid("parameter '" + parameter + "' is '" + text + "', expected a number");
        }
        return value;
    }

    /** Builds a {@link ModelConfig}. */
    public static final class Builder {
        private String name = "";
        private String platform = "";
        private String backend = "";
        private String runtime = "";
        private VersionPolicy versionPolicy = new VersionPolicy.Latest(1);
        private int maxBatchSize = 0;
        private List<ModelInput> inputs = List.of();
        private List<ModelOutput> outputs = List.of();
        private List<BatchInput> batchInputs = List.of();
        private List<BatchOutput> batchOutputs = List.of();
        private Optimization optimization = Optimization.DEFAULT;
        private Scheduling scheduling = new Scheduling.Direct();
        private List<InstanceGroup> instanceGroups = List.of();
        private String defaultModelFilename = "";
        private Map<String, String> ccModelFilenames = Map.of();
        private Map<String, String> metricTags = Map.of();
        private Map<String, String> parameters = Map.of();
        private List<Warmup> warmups = List.of();
        private List<String> operationLibraries = List.of();
        private boolean isDecoupled = false;
        private List<RepositoryAgent> repositoryAgents = List.of();
        private boolean isResponseCacheEnabled = false;
        private List<HistogramBuckets> histogramBuckets = List.of();

        private Builder() {
        }

        /** Sets the model's name. */
        public Builder name(String value) {
            name = value;
            return this;
        }

        /** Sets the platform, such as {@code pytorch_libtorch}; empty where only the backend is named. */
        public Builder platform(String value) {
            platform = value;
            return this;
        }

        /** Sets the backend's name; empty for ensembles. */
        public Builder backend(String value) {
            backend = value;
            return this;
        }

        /** Sets the file that replaces the backend's own; empty for none. */
        public Builder runtime(String value) {
            runtime = value;
            return this;
        }

        /** Sets which versions are served. */
        public Builder versionPolicy(VersionPolicy value) {
            versionPolicy = value;
            return this;
        }

        /** Sets the largest first dimension; 0 where the model has no batch dimension. */
        public Builder maxBatchSize(int value) {
            maxBatchSize = value;
            return this;
        }

        /** Sets the inputs. */
        public Builder inputs(List<ModelInput> value) {
            inputs = value;
            return this;
        }

        /** Sets the outputs. */
        public Builder outputs(List<ModelOutput> value) {
            outputs = value;
            return this;
        }

        /** Sets inputs made from the shapes of a batch. */
        public Builder batchInputs(List<BatchInput> value) {
            batchInputs = value;
            return this;
        }

        /** Sets outputs split by the shapes of a batch. */
        public Builder batchOutputs(List<BatchOutput> value) {
            batchOutputs = value;
            return this;
        }

        /** Sets hints for the execution. */
        public Builder optimization(Optimization value) {
            optimization = value;
            return this;
        }

        /** Sets how requests become executions. */
        public Builder scheduling(Scheduling value) {
            scheduling = value;
            return this;
        }

        /** Sets the instances. */
        public Builder instanceGroups(List<InstanceGroup> value) {
            instanceGroups = value;
            return this;
        }

        /** Sets the file in the version directory; empty for the backend's own default. */
        public Builder defaultModelFilename(String value) {
            defaultModelFilename = value;
            return this;
        }

        /** Sets files by compute capability. */
        public Builder ccModelFilenames(Map<String, String> value) {
            ccModelFilenames = value;
            return this;
        }

        /** Sets extra labels of the model's metrics. */
        public Builder metricTags(Map<String, String> value) {
            metricTags = value;
            return this;
        }

        /** Sets settings for the backend. */
        public Builder parameters(Map<String, String> value) {
            parameters = value;
            return this;
        }

        /** Sets samples executed before the model is ready. */
        public Builder warmups(List<Warmup> value) {
            warmups = value;
            return this;
        }

        /** Sets libraries of custom operations. */
        public Builder operationLibraries(List<String> value) {
            operationLibraries = value;
            return this;
        }

        /** Sets whether a request may have any number of responses. */
        public Builder isDecoupled(boolean value) {
            isDecoupled = value;
            return this;
        }

        /** Sets hooks for load and unload. */
        public Builder repositoryAgents(List<RepositoryAgent> value) {
            repositoryAgents = value;
            return this;
        }

        /** Sets whether responses are cached. */
        public Builder isResponseCacheEnabled(boolean value) {
            isResponseCacheEnabled = value;
            return this;
        }

        /** Sets buckets of the model's histograms. */
        public Builder histogramBuckets(List<HistogramBuckets> value) {
            histogramBuckets = value;
            return this;
        }

        /** Returns the configuration. */
        public ModelConfig build() {
            return new ModelConfig(name, platform, backend, runtime, versionPolicy, maxBatchSize, inputs, outputs,
                    batchInputs, batchOutputs, optimization, scheduling, instanceGroups, defaultModelFilename,
                    ccModelFilenames, metricTags, parameters, warmups, operationLibraries, isDecoupled,
                    repositoryAgents, isResponseCacheEnabled, histogramBuckets);
        }
    }
}

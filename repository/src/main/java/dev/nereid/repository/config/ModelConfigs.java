package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.BatchInput;
import dev.nereid.backend.api.config.BatchOutput;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.HistogramBuckets;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.config.RepositoryAgent;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.config.VersionPolicy;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import dev.nereid.repository.config.proto.ConfigProto.ModelMetrics;
import dev.nereid.repository.config.proto.ConfigProto.ModelOptimizationPolicy;
import dev.nereid.repository.config.proto.ConfigProto.ModelOptimizationPolicy.Cuda.GraphSpec;
import dev.nereid.repository.config.proto.ConfigProto.ModelRateLimiter;
import dev.nereid.repository.config.proto.ConfigProto.ModelTensorReshape;
import dev.nereid.repository.config.proto.ConfigProto.ModelWarmup;
import dev.nereid.repository.config.proto.ConfigProto;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Turns the message into the records that backends see, and takes back what a backend completed. */
public final class ModelConfigs {
    private ModelConfigs() {
    }

    /**
     * Returns a checked configuration as records. Unsigned numbers beyond the range of the record become the largest
     * it can hold.
     */
    public static dev.nereid.backend.api.config.ModelConfig toRecord(ModelConfig config) {
        Map<String, String> parameters = new HashMap<>();
        config.getParametersMap().forEach((key, value) -> parameters.put(key, value.getStringValue()));
        return dev.nereid.backend.api.config.ModelConfig.builder(config.getName()).platform(config.getPlatform())
                .backend(config.getBackend()).runtime(config.getRuntime()).versionPolicy(versionPolicy(config))
                .maxBatchSize(config.getMaxBatchSize())
                .inputs(config.getInputList().stream().map(ModelConfigs::input).toList())
                .outputs(config.getOutputList().stream().map(ModelConfigs::output).toList())
                .batchInputs(config.getBatchInputList().stream().map(ModelConfigs::batchInput).toList())
                .batchOutputs(config.getBatchOutputList().stream()
                        .map(output -> new BatchOutput(output.getTargetNameList(), output.getSourceInputList()))
                        .toList())
                .optimization(optimization(config.getOptimization())).scheduling(SchedulingRecords.of(config))
                .instanceGroups(config.getInstanceGroupList().stream().map(ModelConfigs::instanceGroup).toList())
                .defaultModelFilename(config.getDefaultModelFilename())
                .ccModelFilenames(config.getCcModelFilenamesMap()).metricTags(config.getMetricTagsMap())
                .parameters(parameters)
                .warmups(config.getModelWarmupList().stream().map(ModelConfigs::warmup).toList())
                .operationLibraries(config.getModelOperations().getOpLibraryFilenameList())
                .isDecoupled(config.getModelTransactionPolicy().getDecoupled())
                .repositoryAgents(config.getModelRepositoryAgents().getAgentsList().stream()
                        .map(agent -> new RepositoryAgent(agent.getName(), agent.getParametersMap())).toList())
                .isResponseCacheEnabled(config.getResponseCache().getEnable())
                .histogramBuckets(config.getModelMetrics().getMetricControlList().stream()
                        .map(ModelConfigs::histogramBuckets).toList())
                .build();
    }

    /**
     * Returns {@code config} with what a backend may complete: the largest batch, inputs, outputs, the scheduling where
     * none was chosen, and whether the model is decoupled.
     */
    public static ModelConfig merge(ModelConfig config, dev.nereid.backend.api.config.ModelConfig completed) {
        dev.nereid.backend.api.config.ModelConfig before = toRecord(config);
        ModelConfig.Builder builder = config.toBuilder().setMaxBatchSize(completed.maxBatchSize());
        if (!completed.inputs().equals(before.inputs())) {
            builder.clearInput();
            completed.inputs().forEach(input -> builder.addInput(input(input)));
        }
        if (!completed.outputs().equals(before.outputs())) {
            builder.clearOutput();
            completed.outputs().forEach(output -> builder.addOutput(output(output)));
        }
        if (!completed.scheduling().equals(before.scheduling())) {
            mergeScheduling(builder, completed.scheduling());
        }
        if (completed.isDecoupled() != before.isDecoupled()) {
            builder.getModelTransactionPolicyBuilder().setDecoupled(completed.isDecoupled());
        }
        return builder.build();
    }

    /** Returns {@code config} with a statement whether the model is decoupled: for ensembles, which inherit it. */
    public static ModelConfig withDecoupled(ModelConfig config, boolean isDecoupled) {
        ModelConfig.Builder builder = config.toBuilder();
        builder.getModelTransactionPolicyBuilder().setDecoupled(isDecoupled);
        return builder.build();
    }

    private static void mergeScheduling(ModelConfig.Builder builder, Scheduling scheduling) {
        ModelConfig.SchedulingChoiceCase before = builder.getSchedulingChoiceCase();
        ModelConfig.Builder completed = ModelConfig.newBuilder();
        SchedulingRecords.write(scheduling, completed);
        ModelConfig.SchedulingChoiceCase after = completed.getSchedulingChoiceCase();
        if (before != ModelConfig.SchedulingChoiceCase.SCHEDULINGCHOICE_NOT_SET) {
            if (before != after) {
                throw InferenceException.internal("Cannot update scheduling choice from " + before.getNumber() + " to "
                        + after.getNumber() + " when auto-completing.");
            }
            return;
        }
        builder.mergeFrom(completed.build());
    }

    static ModelInstanceGroup.Kind kind(InstanceGroup.Kind kind) {
        return switch (kind) {
            case AUTO -> ModelInstanceGroup.Kind.KIND_AUTO;
            case GPU -> ModelInstanceGroup.Kind.KIND_GPU;
            case CPU -> ModelInstanceGroup.Kind.KIND_CPU;
            case MODEL -> ModelInstanceGroup.Kind.KIND_MODEL;
        };
    }

    static Optional<DataType> dataType(ConfigProto.DataType type) {
        for (DataType candidate : DataType.values()) {
            if (candidate.configName().equals(type.name())) {
                return Optional.of(candidate);
            }
        }
        return Optional.empty();
    }

    static ConfigProto.DataType dataType(DataType type) {
        return ConfigProto.DataType.valueOf(type.configName());
    }

    private static ConfigProto.DataType dataType(Optional<DataType> type) {
        return type.map(ModelConfigs::dataType).orElse(ConfigProto.DataType.TYPE_INVALID);
    }

    /** Returns an unsigned 32-bit number, or the largest that an int holds. */
    static int clamp(int unsigned) {
        return unsigned < 0 ? Integer.MAX_VALUE : unsigned;
    }

    /** Returns an unsigned 64-bit number, or the largest that a long holds. */
    static long clamp(long unsigned) {
        return unsigned < 0 ? Long.MAX_VALUE : unsigned;
    }

    private static VersionPolicy versionPolicy(ModelConfig config) {
        return switch (config.getVersionPolicy().getPolicyChoiceCase()) {
            case LATEST -> new VersionPolicy.Latest(clamp(config.getVersionPolicy().getLatest().getNumVersions()));
            case SPECIFIC -> new VersionPolicy.Specific(config.getVersionPolicy().getSpecific().getVersionsList());
            case ALL, POLICYCHOICE_NOT_SET -> new VersionPolicy.All();
        };
    }

    private static ModelInput input(ConfigProto.ModelInput input) {
        ModelInput.Format format = switch (input.getFormat()) {
            case FORMAT_NHWC -> ModelInput.Format.NHWC;
            case FORMAT_NCHW -> ModelInput.Format.NCHW;
            case FORMAT_NONE, UNRECOGNIZED -> ModelInput.Format.NONE;
        };
        return new ModelInput(input.getName(), dataType(input.getDataType()), format, Dims.of(input.getDimsList()),
                reshape(input.hasReshape(), input.getReshape()), input.getIsShapeTensor(), input.getAllowRaggedBatch(),
                input.getOptional(), input.getIsNonLinearFormatIo());
    }

    private static ConfigProto.ModelInput input(ModelInput input) {
        ConfigProto.ModelInput.Format format = switch (input.format()) {
            case NONE -> ConfigProto.ModelInput.Format.FORMAT_NONE;
            case NHWC -> ConfigProto.ModelInput.Format.FORMAT_NHWC;
            case NCHW -> ConfigProto.ModelInput.Format.FORMAT_NCHW;
        };
        var builder = ConfigProto.ModelInput.newBuilder().setName(input.name())
                .setDataType(dataType(input.dataType())).setFormat(format).addAllDims(values(input.dims()))
                .setIsShapeTensor(input.isShapeTensor()).setAllowRaggedBatch(input.allowRaggedBatch())
                .setOptional(input.isOptional()).setIsNonLinearFormatIo(input.isNonLinearFormat());
        input.reshape().ifPresent(reshape -> builder.setReshape(reshape(reshape)));
        return builder.build();
    }

    private static ModelOutput output(ConfigProto.ModelOutput output) {
        return new ModelOutput(output.getName(), dataType(output.getDataType()), Dims.of(output.getDimsList()),
                reshape(output.hasReshape(), output.getReshape()), output.getLabelFilename(),
                output.getIsShapeTensor(), output.getIsNonLinearFormatIo());
    }

    private static ConfigProto.ModelOutput output(ModelOutput output) {
        var builder = ConfigProto.ModelOutput.newBuilder().setName(output.name())
                .setDataType(dataType(output.dataType())).addAllDims(values(output.dims()))
                .setLabelFilename(output.labelFilename()).setIsShapeTensor(output.isShapeTensor())
                .setIsNonLinearFormatIo(output.isNonLinearFormat());
        output.reshape().ifPresent(reshape -> builder.setReshape(reshape(reshape)));
        return builder.build();
    }

    private static Optional<Dims> reshape(boolean isSet, ModelTensorReshape reshape) {
        return isSet ? Optional.of(Dims.of(reshape.getShapeList())) : Optional.empty();
    }

    private static ModelTensorReshape reshape(Dims dims) {
        return ModelTensorReshape.newBuilder().addAllShape(values(dims)).build();
    }

    static List<Long> values(Dims dims) {
        List<Long> values = new ArrayList<>();
        for (long value : dims.toArray()) {
            values.add(value);
        }
        return values;
    }

    private static BatchInput batchInput(ConfigProto.BatchInput input) {
        BatchInput.Kind kind = switch (input.getKind()) {
            case BATCH_ELEMENT_COUNT, UNRECOGNIZED -> BatchInput.Kind.ELEMENT_COUNT;
            case BATCH_ACCUMULATED_ELEMENT_COUNT -> BatchInput.Kind.ACCUMULATED_ELEMENT_COUNT;
            case BATCH_ACCUMULATED_ELEMENT_COUNT_WITH_ZERO -> BatchInput.Kind.ACCUMULATED_ELEMENT_COUNT_WITH_ZERO;
            case BATCH_MAX_ELEMENT_COUNT_AS_SHAPE -> BatchInput.Kind.MAX_ELEMENT_COUNT_AS_SHAPE;
            case BATCH_ITEM_SHAPE -> BatchInput.Kind.ITEM_SHAPE;
            case BATCH_ITEM_SHAPE_FLATTEN -> BatchInput.Kind.ITEM_SHAPE_FLATTEN;
        };
        return new BatchInput(kind, input.getTargetNameList(), dataType(input.getDataType()),
                input.getSourceInputList());
    }

    private static Optimization optimization(ModelOptimizationPolicy policy) {
        Optimization.Priority priority = switch (policy.getPriority()) {
            case PRIORITY_MAX -> Optimization.Priority.MAX;
            case PRIORITY_MIN -> Optimization.Priority.MIN;
            case PRIORITY_DEFAULT, UNRECOGNIZED -> Optimization.Priority.DEFAULT;
        };
        ModelOptimizationPolicy.Cuda cuda = policy.getCuda();
        return new Optimization(policy.getGraph().getLevel(), priority,
                new Optimization.Cuda(cuda.getGraphs(), cuda.getBusyWaitEvents(),
                        cuda.getGraphSpecList().stream().map(ModelConfigs::graphSpec).toList(),
                        cuda.getOutputCopyStream()),
                accelerators(policy.getExecutionAccelerators().getGpuExecutionAcceleratorList()),
                accelerators(policy.getExecutionAccelerators().getCpuExecutionAcceleratorList()),
                isPinned(policy.hasInputPinnedMemory(), policy.getInputPinnedMemory()),
                isPinned(policy.hasOutputPinnedMemory(), policy.getOutputPinnedMemory()),
                clamp(policy.getGatherKernelBufferThreshold()), policy.getEagerBatching());
    }

    private static boolean isPinned(boolean isSet, ModelOptimizationPolicy.PinnedMemoryBuffer buffer) {
        return !isSet || buffer.getEnable();
    }

    private static Optimization.GraphSpec graphSpec(GraphSpec spec) {
        return new Optimization.GraphSpec(spec.getBatchSize(), shapes(spec.getInputMap()),
                spec.getGraphLowerBound().getBatchSize(), shapes(spec.getGraphLowerBound().getInputMap()));
    }

    private static Map<String, Dims> shapes(Map<String, GraphSpec.Shape> shapes) {
        Map<String, Dims> dims = new HashMap<>();
        shapes.forEach((name, shape) -> dims.put(name, Dims.of(shape.getDimList())));
        return dims;
    }

    private static List<Optimization.Accelerator> accelerators(
            List<ModelOptimizationPolicy.ExecutionAccelerators.Accelerator> accelerators) {
        return accelerators.stream()
                .map(accelerator -> new Optimization.Accelerator(accelerator.getName(),
                        accelerator.getParametersMap()))
                .toList();
    }

    private static InstanceGroup instanceGroup(ModelInstanceGroup group) {
        InstanceGroup.Kind kind = switch (group.getKind()) {
            case KIND_GPU -> InstanceGroup.Kind.GPU;
            case KIND_CPU -> InstanceGroup.Kind.CPU;
            case KIND_MODEL -> InstanceGroup.Kind.MODEL;
            case KIND_AUTO, UNRECOGNIZED -> InstanceGroup.Kind.AUTO;
        };
        return new InstanceGroup(group.getName(), kind, group.getCount(), group.getGpusList(),
                rateLimiter(group.getRateLimiter()),
                group.getSecondaryDevicesList().stream()
                        .map(device -> new InstanceGroup.SecondaryDevice(device.getDeviceId())).toList(),
                group.getProfileList(), group.getPassive(), group.getHostPolicy());
    }

    private static InstanceGroup.RateLimiter rateLimiter(ModelRateLimiter limiter) {
        return new InstanceGroup.RateLimiter(
                limiter.getResourcesList().stream().map(resource -> new InstanceGroup.Resource(resource.getName(),
                        resource.getGlobal(), clamp(resource.getCount()))).toList(),
                clamp(limiter.getPriority()));
    }

    private static Warmup warmup(ModelWarmup warmup) {
        Map<String, Warmup.Input> inputs = new HashMap<>();
        warmup.getInputsMap().forEach((name, input) -> inputs.put(name, warmupInput(warmup, name, input)));
        return new Warmup(warmup.getName(), clamp(warmup.getBatchSize()), inputs, clamp(warmup.getCount()));
    }

    private static Warmup.Input warmupInput(ModelWarmup warmup, String name, ModelWarmup.Input input) {
        Warmup.Source source = switch (input.getInputDataTypeCase()) {
            case RANDOM_DATA -> new Warmup.Source.Random();
            case INPUT_DATA_FILE -> new Warmup.Source.File(input.getInputDataFile());
            case ZERO_DATA, INPUTDATATYPE_NOT_SET -> new Warmup.Source.Zero();
        };
        DataType type = dataType(input.getDataType()).orElseThrow(() -> InferenceException.invalid(
                "warmup sample '" + warmup.getName() + "' must specify 'data_type' for input '" + name + "'"));
        return new Warmup.Input(type, Dims.of(input.getDimsList()), source);
    }

    private static HistogramBuckets histogramBuckets(ModelMetrics.MetricControl control) {
        return new HistogramBuckets(control.getMetricIdentifier().getFamily(),
                control.getHistogramOptions().getBucketsList());
    }
}

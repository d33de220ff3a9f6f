package dev.nereid.repository.config;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelDynamicBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelQueuePolicy;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching.Control;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Turns the scheduling choice of a configuration into a record, and what a backend may choose back. */
final class SchedulingRecords {
    private SchedulingRecords() {
    }

    static Scheduling of(ModelConfig config) {
        return switch (config.getSchedulingChoiceCase()) {
            case DYNAMIC_BATCHING -> dynamicBatching(config.getDynamicBatching());
            case SEQUENCE_BATCHING -> sequenceBatching(config.getSequenceBatching());
            case ENSEMBLE_SCHEDULING -> new Scheduling.Ensemble(config.getEnsembleScheduling().getStepList().stream()
                    .map(step -> new Scheduling.Step(step.getModelName(), step.getModelVersion(), step.getInputMapMap(),
                            step.getOutputMapMap(), step.getModelNamespace()))
                    .toList(), ModelConfigs.clamp(config.getEnsembleScheduling().getMaxInflightRequests()));
            case SCHEDULINGCHOICE_NOT_SET -> new Scheduling.Direct();
        };
    }

    /** Sets the choice in {@code target}; backends choose between dynamic and sequence batching only. */
    static void write(Scheduling scheduling, ModelConfig.Builder target) {
        switch (scheduling) {
            case Scheduling.Direct() -> target.clearSchedulingChoice();
            case Scheduling.DynamicBatching batching -> target.setDynamicBatching(dynamicBatching(batching));
            case Scheduling.SequenceBatching batching -> target.setSequenceBatching(sequenceBatching(batching));
            case Scheduling.Ensemble ensemble ->
                throw new IllegalStateException("a backend cannot make an ensemble of " + ensemble.steps().size());
        }
    }

    private static Scheduling dynamicBatching(ModelDynamicBatching batching) {
        Map<Long, QueuePolicy> policies = new HashMap<>();
        batching.getPriorityQueuePolicyMap().forEach((level, policy) -> policies.put(level, queuePolicy(policy)));
        return new Scheduling.DynamicBatching(batching.getPreferredBatchSizeList(),
                ModelConfigs.clamp(batching.getMaxQueueDelayMicroseconds()), batching.getPreserveOrdering(),
                ModelConfigs.clamp(batching.getPriorityLevels()),
                ModelConfigs.clamp(batching.getDefaultPriorityLevel()), queuePolicy(batching.getDefaultQueuePolicy()),
                policies);
    }

    private static ModelDynamicBatching dynamicBatching(Scheduling.DynamicBatching batching) {
        ModelDynamicBatching.Builder builder = ModelDynamicBatching.newBuilder()
                .addAllPreferredBatchSize(batching.preferredBatchSizes())
                .setMaxQueueDelayMicroseconds(batching.maxQueueDelayMicros())
                .setPreserveOrdering(batching.preserveOrdering()).setPriorityLevels(batching.priorityLevels())
                .setDefaultPriorityLevel(batching.defaultPriorityLevel());
        if (!batching.defaultQueuePolicy().equals(QueuePolicy.DEFAULT)) {
            builder.setDefaultQueuePolicy(queuePolicy(batching.defaultQueuePolicy()));
        }
        batching.priorityQueuePolicies()
                .forEach((level, policy) -> builder.putPriorityQueuePolicy(level, queuePolicy(policy)));
        return builder.build();
    }

    private static QueuePolicy queuePolicy(ModelQueuePolicy policy) {
        boolean isDelay = policy.getTimeoutAction() == ModelQueuePolicy.TimeoutAction.DELAY;
        return new QueuePolicy(isDelay ? QueuePolicy.TimeoutAction.DELAY : QueuePolicy.TimeoutAction.REJECT,
                ModelConfigs.clamp(policy.getDefaultTimeoutMicroseconds()), policy.getAllowTimeoutOverride(),
                ModelConfigs.clamp(policy.getMaxQueueSize()));
    }

    private static ModelQueuePolicy queuePolicy(QueuePolicy policy) {
        boolean isDelay = policy.timeoutAction() == QueuePolicy.TimeoutAction.DELAY;
        return ModelQueuePolicy.newBuilder()
                .setTimeoutAction(
                        isDelay ? ModelQueuePolicy.TimeoutAction.DELAY : ModelQueuePolicy.TimeoutAction.REJECT)
                .setDefaultTimeoutMicroseconds(policy.defaultTimeoutMicros())
                .setAllowTimeoutOverride(policy.allowTimeoutOverride()).setMaxQueueSize(policy.maxQueueSize()).build();
    }

    private static Scheduling sequenceBatching(ModelSequenceBatching batching) {
        Scheduling.Strategy strategy = batching.hasOldest()
                ? new Scheduling.Strategy.Oldest(batching.getOldest().getMaxCandidateSequences(),
                        batching.getOldest().getPreferredBatchSizeList(),
                        ModelConfigs.clamp(batching.getOldest().getMaxQueueDelayMicroseconds()),
                        batching.getOldest().getPreserveOrdering())
                : new Scheduling.Strategy.DirectSlots(
                        ModelConfigs.clamp(batching.getDirect().getMaxQueueDelayMicroseconds()),
                        batching.getDirect().getMinimumSlotUtilization());
        return new Scheduling.SequenceBatching(strategy,
                ModelConfigs.clamp(batching.getMaxSequenceIdleMicroseconds()),
                batching.getControlInputList().stream().map(input -> new Scheduling.ControlInput(input.getName(),
                        input.getControlList().stream().map(SchedulingRecords::control).toList())).toList(),
                batching.getStateList().stream().map(SchedulingRecords::state).toList(),
                batching.getIterativeSequence());
    }

    private static ModelSequenceBatching sequenceBatching(Scheduling.SequenceBatching batching) {
        ModelSequenceBatching.Builder builder = ModelSequenceBatching.newBuilder()
                .setMaxSequenceIdleMicroseconds(batching.maxSequenceIdleMicros())
                .setIterativeSequence(batching.isIterative());
        switch (batching.strategy()) {
            case Scheduling.Strategy.DirectSlots direct ->
                builder.getDirectBuilder().setMaxQueueDelayMicroseconds(direct.maxQueueDelayMicros())
                        .setMinimumSlotUtilization(direct.minimumSlotUtilization());
            case Scheduling.Strategy.Oldest oldest ->
                builder.getOldestBuilder().setMaxCandidateSequences(oldest.maxCandidateSequences())
                        .addAllPreferredBatchSize(oldest.preferredBatchSizes())
                        .setMaxQueueDelayMicroseconds(oldest.maxQueueDelayMicros())
                        .setPreserveOrdering(oldest.preserveOrdering());
        }
        for (Scheduling.ControlInput input : batching.controlInputs()) {
            builder.addControlInputBuilder().setName(input.name())
                    .addAllControl(input.controls().stream().map(SchedulingRecords::control).toList());
        }
        for (Scheduling.State state : batching.states()) {
            builder.addState(state(state));
        }
        return builder.build();
    }

    private static Scheduling.Control control(Control control) {
        Scheduling.ControlKind kind = switch (control.getKind()) {
            case CONTROL_SEQUENCE_READY -> Scheduling.ControlKind.READY;
            case CONTROL_SEQUENCE_END -> Scheduling.ControlKind.END;
            case CONTROL_SEQUENCE_CORRID -> Scheduling.ControlKind.CORRELATION_ID;
            case CONTROL_SEQUENCE_START, UNRECOGNIZED -> Scheduling.ControlKind.START;
        };
        if (control.getInt32FalseTrueCount() == 2) {
            return new Scheduling.Control(kind, DataType.INT32, control.getInt32FalseTrue(0),
                    control.getInt32FalseTrue(1));
        }
        if (control.getFp32FalseTrueCount() == 2) {
            return new Scheduling.Control(kind, DataType.FP32, control.getFp32FalseTrue(0),
                    control.getFp32FalseTrue(1));
        }
        if (control.getBoolFalseTrueCount() == 2) {
            return new Scheduling.Control(kind, DataType.BOOL, control.getBoolFalseTrue(0) ? 1 : 0,
                    control.getBoolFalseTrue(1) ? 1 : 0);
        }
        return new Scheduling.Control(kind, ModelConfigs.dataType(control.getDataType()).orElse(DataType.UINT64), 0, 1);
    }

    private static Control control(Scheduling.Control control) {
        Control.Builder builder = Control.newBuilder().setKind(switch (control.kind()) {
            case START -> Control.Kind.CONTROL_SEQUENCE_START;
            case READY -> Control.Kind.CONTROL_SEQUENCE_READY;
            case END -> Control.Kind.CONTROL_SEQUENCE_END;
            case CORRELATION_ID -> Control.Kind.CONTROL_SEQUENCE_CORRID;
        });
        if (control.kind() == Scheduling.ControlKind.CORRELATION_ID) {
            return builder.setDataType(ModelConfigs.dataType(control.dataType())).build();
        }
        if (control.dataType() == DataType.INT32) {
            builder.addInt32FalseTrue((int) control.falseValue()).addInt32FalseTrue((int) control.trueValue());
        } else if (control.dataType() == DataType.BOOL) {
            builder.addBoolFalseTrue(control.falseValue() != 0).addBoolFalseTrue(control.trueValue() != 0);
        } else {
            builder.addFp32FalseTrue((float) control.falseValue()).addFp32FalseTrue((float) control.trueValue());
        }
        return builder.build();
    }

    private static Scheduling.State state(ModelSequenceBatching.State state) {
        List<Scheduling.InitialState> initialStates = state.getInitialStateList().stream()
                .map(initial -> new Scheduling.InitialState(initial.getName(),
                        ModelConfigs.dataType(initial.getDataType()), Dims.of(initial.getDimsList()),
                        initial.hasDataFile() ? Optional.of(initial.getDataFile()) : Optional.empty()))
                .toList();
        return new Scheduling.State(state.getInputName(), state.getOutputName(),
                ModelConfigs.dataType(state.getDataType()), Dims.of(state.getDimsList()), initialStates,
                state.getUseSameBufferForInputOutput(), state.getUseGrowableMemory());
    }

    private static ModelSequenceBatching.State state(Scheduling.State state) {
        ModelSequenceBatching.State.Builder builder = ModelSequenceBatching.State.newBuilder()
                .setInputName(state.inputName()).setOutputName(state.outputName())
                .addAllDims(ModelConfigs.values(state.dims())).setUseSameBufferForInputOutput(state.useSameBuffer())
                .setUseGrowableMemory(state.useGrowableMemory());
        state.dataType().ifPresent(type -> builder.setDataType(ModelConfigs.dataType(type)));
        for (Scheduling.InitialState initial : state.initialStates()) {
            ModelSequenceBatching.InitialState.Builder nested = builder.addInitialStateBuilder().setName(initial.name())
                    .addAllDims(ModelConfigs.values(initial.dims()));
            initial.dataType().ifPresent(type -> nested.setDataType(ModelConfigs.dataType(type)));
            initial.dataFile().ifPresentOrElse(nested::setDataFile, () -> nested.setZeroData(true));
        }
        return builder.build();
    }
}

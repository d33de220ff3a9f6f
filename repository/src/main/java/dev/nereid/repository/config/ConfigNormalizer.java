package dev.nereid.repository.config;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelDynamicBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import dev.nereid.repository.config.proto.ConfigProto.ModelOptimizationPolicy;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelVersionPolicy;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;

/** Fills in what a configuration leaves out. Nothing here checks; see {@link ConfigValidator}. */
public final class ConfigNormalizer {
    private static final long DEFAULT_SEQUENCE_IDLE_MICROS = 1_000_000;
    private static final Set<String> BACKENDS_WITH_TWO_CPU_INSTANCES = Set.of("onnxruntime", "tensorflow");

    private ConfigNormalizer() {
    }

    /**
     * Fills in backend, platform and file name from each other, from the files in {@code modelDirectory}, or from the
     * model's name.
     */
    public static ModelConfig fillBackend(ModelConfig config, Path modelDirectory, String modelName) {
        return Platforms.fill(config, modelDirectory, modelName);
    }

    /** Fills in what does not depend on the backend. Doing it twice changes nothing more. */
    public static ModelConfig fillDefaults(ModelConfig config, String modelName) {
        ModelConfig.Builder builder = config.toBuilder();
        if (builder.getName().isEmpty()) {
            builder.setName(modelName);
        }
        if (!builder.hasVersionPolicy()) {
            builder.setVersionPolicy(ModelVersionPolicy.newBuilder()
                    .setLatest(ModelVersionPolicy.Latest.newBuilder().setNumVersions(1)));
        }
        int maxBatchSize = builder.getMaxBatchSize();
        if (builder.hasDynamicBatching()) {
            ModelDynamicBatching.Builder batching = builder.getDynamicBatchingBuilder();
            if (batching.getPreferredBatchSizeCount() == 0 && maxBatchSize > 0) {
                batching.addPreferredBatchSize(maxBatchSize);
            }
        }
        if (builder.hasSequenceBatching()) {
            ModelSequenceBatching.Builder batching = builder.getSequenceBatchingBuilder();
            if (batching.getMaxSequenceIdleMicroseconds() == 0) {
                batching.setMaxSequenceIdleMicroseconds(DEFAULT_SEQUENCE_IDLE_MICROS);
            }
            if (batching.hasOldest() && batching.getOldest().getPreferredBatchSizeCount() == 0 && maxBatchSize > 0) {
                batching.getOldestBuilder().addPreferredBatchSize(maxBatchSize);
            }
        }
        if (!builder.getPlatform().equals(Platforms.ENSEMBLE) && !builder.hasEnsembleScheduling()) {
            fillPinnedMemory(builder.getOptimizationBuilder());
        }
        return builder.build();
    }

    private static void fillPinnedMemory(ModelOptimizationPolicy.Builder optimization) {
        if (!optimization.hasInputPinnedMemory()) {
            optimization.getInputPinnedMemoryBuilder().setEnable(true);
        }
        if (!optimization.hasOutputPinnedMemory()) {
            optimization.getOutputPinnedMemoryBuilder().setEnable(true);
        }
    }

    /** Fills in instance groups: at least one, each with name, kind, count and GPUs. Ensembles have none. */
    public static ModelConfig fillInstanceGroups(ModelConfig config, Devices devices, BackendAttributes attributes) {
        if (config.getPlatform().equals(Platforms.ENSEMBLE) || config.hasEnsembleScheduling()) {
            return config;
        }
        ModelConfig.Builder builder = config.toBuilder();
        List<Integer> usable = devices.usableGpus();
        List<InstanceGroup> preferred = attributes.preferredInstanceGroups();
        // Elsewhere a build without GPUs has no GPUs; here the backend says that it has no use for them.
        boolean isForCpuOnly = !preferred.isEmpty()
                && preferred.stream().allMatch(group -> group.kind() == InstanceGroup.Kind.CPU);
        if (builder.getInstanceGroupCount() == 0) {
            builder.addInstanceGroup(defaultGroup(config.getName(), preferred, usable));
        }
        for (int i = 0; i < builder.getInstanceGroupCount(); i++) {
            ModelInstanceGroup.Builder group = builder.getInstanceGroupBuilder(i);
            if (group.getName().isEmpty()) {
                group.setName(config.getName() + "_" + i);
            }
            if (group.getKind() == ModelInstanceGroup.Kind.KIND_AUTO) {
                boolean isGpu = !isForCpuOnly && !usable.isEmpty() && usable.containsAll(group.getGpusList());
                group.setKind(isGpu ? ModelInstanceGroup.Kind.KIND_GPU : ModelInstanceGroup.Kind.KIND_CPU);
            }
            applyPreferred(group, preferred, usable);
            if (group.getCount() < 1) {
                boolean hasTwo = group.getKind() == ModelInstanceGroup.Kind.KIND_CPU
                        && BACKENDS_WITH_TWO_CPU_INSTANCES.contains(config.getBackend());
                group.setCount(hasTwo ? 2 : 1);
            }
            if (group.getKind() == ModelInstanceGroup.Kind.KIND_GPU && group.getGpusCount() == 0) {
                group.addAllGpus(usable);
            }
        }
        return builder.build();
    }

    private static ModelInstanceGroup defaultGroup(String modelName, List<InstanceGroup> preferred,
            List<Integer> usable) {
        ModelInstanceGroup.Builder group = ModelInstanceGroup.newBuilder().setName(modelName);
        for (InstanceGroup candidate : preferred) {
            List<Integer> gpus = candidate.gpus().stream().filter(usable::contains).toList();
            boolean needsGpu = candidate.kind() == InstanceGroup.Kind.GPU;
            if (needsGpu && (usable.isEmpty() || (gpus.isEmpty() && !candidate.gpus().isEmpty()))) {
                continue;
            }
            return group.setKind(ModelConfigs.kind(candidate.kind())).setCount(candidate.count()).addAllGpus(gpus)
                    .build();
        }
        return group.build();
    }

    /** Takes count and GPUs from the first preferred groups of the same kind, where the group has none of its own. */
    private static void applyPreferred(ModelInstanceGroup.Builder group, List<InstanceGroup> preferred,
            List<Integer> usable) {
        for (InstanceGroup candidate : preferred) {
            if (ModelConfigs.kind(candidate.kind()) != group.getKind()) {
                continue;
            }
            if (candidate.kind() == InstanceGroup.Kind.GPU && group.getGpusCount() == 0
                    && !candidate.gpus().isEmpty()) {
                group.addAllGpus(candidate.gpus().stream().filter(usable::contains).toList());
                if (group.getGpusCount() == 0) {
                    continue;
                }
            }
            if (group.getCount() < 1 && candidate.count() > 0) {
                group.setCount(candidate.count());
            }
        }
    }
}

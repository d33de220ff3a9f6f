package dev.nereid.repository.config;

import dev.nereid.repository.config.proto.ConfigProto.BatchInput;
import dev.nereid.repository.config.proto.ConfigProto.BatchOutput;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInput;
import dev.nereid.repository.config.proto.ConfigProto.ModelMetrics;
import dev.nereid.repository.config.proto.ConfigProto.ModelOptimizationPolicy;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Finds settings of a configuration that change nothing. They are no errors, since configurations move between servers
 * and machines; but whoever wrote them should know. Of backends that are not the server's own, nobody knows here what
 * they read.
 */
final class UnusedSettings {
    private static final String TENSORRT = "tensorrt";
    private static final String ONNX_RUNTIME = "onnxruntime";
    private static final Set<String> OWN_BACKENDS = Set.of("identity", ONNX_RUNTIME, "pytorch", TENSORRT);
    /** The families whose buckets can be chosen. */
    private static final List<String> FAMILIES = List.of("nv_inference_first_response_histogram_ms");

    private final ModelConfig config;
    private final List<String> found = new ArrayList<>();

    private UnusedSettings(ModelConfig config) {
        this.config = config;
    }

    /** Returns a sentence for each setting without effect. */
    static List<String> of(ModelConfig config) {
        UnusedSettings settings = new UnusedSettings(config);
        settings.checkBackend();
        settings.checkMetrics();
        settings.checkBatchTensors();
        return List.copyOf(settings.found);
    }

    private void checkBackend() {
        if (!OWN_BACKENDS.contains(config.getBackend())) {
            return;
        }
        ModelOptimizationPolicy optimization = config.getOptimization();
        usedBy(ONNX_RUNTIME, optimization.hasGraph(), "optimization.graph");
        usedBy(ONNX_RUNTIME, optimization.hasExecutionAccelerators(), "optimization.execution_accelerators");
        usedBy(TENSORRT, optimization.getPriority() != ModelOptimizationPolicy.ModelPriority.PRIORITY_DEFAULT,
                "optimization.priority");
        usedBy(TENSORRT, optimization.hasCuda(), "optimization.cuda");
        usedBy(TENSORRT, optimization.hasInputPinnedMemory() && !optimization.getInputPinnedMemory().getEnable(),
                "optimization.input_pinned_memory");
        usedBy(TENSORRT, optimization.hasOutputPinnedMemory() && !optimization.getOutputPinnedMemory().getEnable(),
                "optimization.output_pinned_memory");
        // The TensorRT backend says so itself.
        usedBy(TENSORRT, optimization.getGatherKernelBufferThreshold() != 0,
                "optimization.gather_kernel_buffer_threshold");
        usedBy(TENSORRT, optimization.getEagerBatching(), "optimization.eager_batching");
        usedBy(ONNX_RUNTIME, config.getModelOperations().getOpLibraryFilenameCount() > 0, "model_operations");
        usedBy(TENSORRT,
                config.getInstanceGroupList().stream().anyMatch(group -> group.getSecondaryDevicesCount() > 0),
                "instance_group.secondary_devices");
        usedBy(TENSORRT,
                config.getInputList().stream().anyMatch(input -> input.getFormat() != ModelInput.Format.FORMAT_NONE),
                "input.format");
    }

    private void usedBy(String backend, boolean isSet, String field) {
        if (isSet && !config.getBackend().equals(backend)) {
            add(field, "backend '" + config.getBackend() + "' does not use it");
        }
    }

    private void checkMetrics() {
        for (ModelMetrics.MetricControl control : config.getModelMetrics().getMetricControlList()) {
            String family = control.getMetricIdentifier().getFamily();
            if (!FAMILIES.contains(family)) {
                String suggestion = Suggestions.didYouMean(family, FAMILIES);
                add("model_metrics for family '" + Printable.escape(family) + "'", "it has no buckets to choose"
                        + (suggestion.isEmpty() ? ", " + String.join(", ", FAMILIES) + " has" : suggestion));
            }
        }
    }

    private void checkBatchTensors() {
        for (BatchInput input : config.getBatchInputList()) {
            if (input.getTargetNameCount() == 0) {
                add("batch_input of kind " + input.getKind(), "it names no target");
            }
        }
        for (BatchOutput output : config.getBatchOutputList()) {
            if (output.getTargetNameCount() == 0) {
                add("batch_output of kind " + output.getKind(), "it names no target");
            }
        }
    }

    private void add(String setting, String reason) {
        found.add("configuration of model '" + config.getName() + "': " + setting + " has no effect, " + reason);
    }
}

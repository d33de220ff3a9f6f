package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling.Step;
import dev.nereid.repository.config.proto.ConfigProto.ModelInput;
import dev.nereid.repository.config.proto.ConfigProto.ModelOutput;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Checks what an ensemble says about itself: every tensor is written once, is used, and can be reached. */
final class EnsembleGraph {
    private final ModelConfig config;
    private final String name;
    private final Map<String, Tensor> tensors = new TreeMap<>();

    private EnsembleGraph(ModelConfig config) {
        this.config = config;
        this.name = config.getName();
    }

    static void check(ModelConfig config) {
        new EnsembleGraph(config).check();
    }

    private void check() {
        if (!config.getPlatform().equals(Platforms.ENSEMBLE)) {
            throw invalid("ensemble scheduling cannot be set for model '" + name + "' whose platform is not ensemble");
        }
        if (config.getInstanceGroupCount() > 0) {
            throw invalid("instance group should not be specified for ensemble '" + name + "'");
        }
        if (config.hasOptimization()) {
            throw invalid("optimization should not be specified for ensemble '" + name + "'");
        }
        if (config.getModelWarmupCount() > 0) {
            throw invalid("model_warmup can not be specified for ensemble '" + name + "'");
        }
        if (config.getEnsembleScheduling().getStepCount() == 0) {
            throw invalid("must specify 'step' for ensemble '" + name + "'");
        }
        for (int i = 0; i < config.getEnsembleScheduling().getStepCount(); i++) {
            connect(config.getEnsembleScheduling().getStep(i), i);
        }
        spreadFromInputs();
        Set<String> outputs = checkOutputs();
        tensors.forEach((tensorName, tensor) -> {
            if (!outputs.contains(tensorName) && (!tensor.isReady || tensor.next.isEmpty())) {
                throw invalid("ensemble tensor '" + tensorName + "' is unused in ensemble '" + name + "'");
            }
        });
    }

    private void connect(Step step, int index) {
        String suffix = " in step " + index + " of ensemble '" + name + "'";
        if (step.getModelName().isEmpty()) {
            throw invalid("must specify 'model_name'" + suffix);
        }
        if (step.getInputMapCount() == 0) {
            throw invalid("must specify 'input_map'" + suffix);
        }
        if (step.getOutputMapCount() == 0) {
            throw invalid("must specify 'output_map'" + suffix);
        }
        for (String written : step.getOutputMapMap().values()) {
            Tensor tensor = tensor(written);
            if (tensor.isWritten) {
                throw invalid("ensemble tensor '" + written + "' can appear in an output map only once for ensemble '"
                        + name + "' step " + index);
            }
            tensor.isWritten = true;
            for (String read : step.getInputMapMap().values()) {
                tensor.previous.add(tensor(read));
                tensor(read).next.add(tensor);
            }
        }
    }

    private Tensor tensor(String tensorName) {
        return tensors.computeIfAbsent(tensorName, Tensor::new);
    }

    private void spreadFromInputs() {
        ArrayDeque<Tensor> ready = new ArrayDeque<>();
        for (ModelInput input : config.getInputList()) {
            Tensor tensor = tensors.get(input.getName());
            if (tensor == null) {
                throw invalid("ensemble input '" + input.getName() + "' for ensemble " + name + "' is not used");
            }
            tensor.isReady = true;
            ready.add(tensor);
        }
        while (!ready.isEmpty()) {
            for (Tensor next : ready.remove().next) {
                if (!next.isReady && next.previous.stream().allMatch(previous -> previous.isReady)) {
                    next.isReady = true;
                    ready.add(next);
                }
            }
        }
    }

    private Set<String> checkOutputs() {
        Set<String> outputs = new HashSet<>();
        for (ModelOutput output : config.getOutputList()) {
            Tensor tensor = tensors.get(output.getName());
            if (tensor == null) {
                throw invalid("ensemble output '" + output.getName() + "' for ensemble " + name + "' is not used");
            }
            if (!tensor.isReady) {
                Optional<Tensor> missing = tensor.previous.stream().filter(previous -> !previous.isReady).findFirst();
                throw invalid("output '" + output.getName() + "' for ensemble '" + name + "' is not written"
                        + missing.map(previous -> ": at least one of its depending tensors, '" + previous.name
                                + "', is not connected").orElse(""));
            }
            outputs.add(output.getName());
        }
        return outputs;
    }

    private static InferenceException invalid(String message) {
        return InferenceException.invalid(message);
    }

    private static final class Tensor {
        private final String name;
        private final Set<Tensor> previous = new LinkedHashSet<>();
        private final Set<Tensor> next = new LinkedHashSet<>();
        private boolean isWritten;
        private boolean isReady;

        Tensor(String name) {
            this.name = name;
        }
    }
}

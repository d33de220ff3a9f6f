package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.repository.config.proto.DataType;
import dev.nereid.repository.config.proto.ModelConfig;
import dev.nereid.repository.config.proto.ModelEnsembling.Step;
import dev.nereid.repository.config.proto.ModelInput;
import dev.nereid.repository.config.proto.ModelOutput;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * Checks an ensemble against the models it is made of. What an ensemble says about itself was checked before, by
 * {@link ConfigValidator#checkGeneral}.
 */
public final class EnsembleValidator {
    private final ModelConfig ensemble;
    private final Function<String, Optional<ModelConfig>> models;
    private final Map<String, Tensor> tensors = new HashMap<>();

    private EnsembleValidator(ModelConfig ensemble, Function<String, Optional<ModelConfig>> models) {
        this.ensemble = ensemble;
        this.models = models;
    }

    /**
     * Checks an ensemble and returns whether it is decoupled, which it is when one of its models is.
     *
     * @param models finds the completed configuration of a model that can be used
     */
    public static boolean check(ModelConfig ensemble, Function<String, Optional<ModelConfig>> models) {
        return new EnsembleValidator(ensemble, models).check();
    }

    private boolean check() {
        checkCycle(ensemble, new ArrayList<>(List.of(ensemble.getName())), new HashSet<>());
        checkPresent();
        ensemble.getInputList().forEach(input -> agree(input.getName(),
                new Tensor(ensemble, input.getDataType(), Dims.of(input.getDimsList()))));
        ensemble.getOutputList().forEach(output -> agree(output.getName(),
                new Tensor(ensemble, output.getDataType(), Dims.of(output.getDimsList()))));
        boolean isDecoupled = false;
        for (Step step : ensemble.getEnsembleScheduling().getStepList()) {
            ModelConfig model = models.apply(step.getModelName()).orElseThrow();
            checkBatch(model);
            checkInputs(step, model);
            checkOutputs(step, model);
            isDecoupled |= model.getModelTransactionPolicy().getDecoupled();
        }
        checkDecoupledOrigins();
        return isDecoupled;
    }

    private void checkCycle(ModelConfig parent, List<String> path, Set<String> finished) {
        for (Step step : parent.getEnsembleScheduling().getStepList()) {
            String name = step.getModelName();
            if (path.contains(name)) {
                List<String> cycle = new ArrayList<>(path.subList(path.indexOf(name), path.size()));
                cycle.add(name);
                throw InferenceException
                        .invalid("circular dependency between ensembles: " + String.join(" -> ", cycle));
            }
            if (finished.add(name)) {
                path.add(name);
                models.apply(name).ifPresent(model -> checkCycle(model, path, finished));
                path.remove(path.size() - 1);
            }
        }
    }

    private void checkPresent() {
        Set<String> missing = new LinkedHashSet<>();
        for (Step step : ensemble.getEnsembleScheduling().getStepList()) {
            if (models.apply(step.getModelName()).isEmpty()) {
                missing.add(step.getModelName());
            }
        }
        if (!missing.isEmpty()) {
            throw InferenceException.invalid("ensemble " + ensemble.getName()
                    + " contains models that are not available or ambiguous: " + String.join(", ", missing));
        }
    }

    /** Models without a batch dimension may be part of a batching ensemble: their shapes decide. */
    private void checkBatch(ModelConfig model) {
        if (model.getMaxBatchSize() != 0 && model.getMaxBatchSize() < ensemble.getMaxBatchSize()) {
            throw InferenceException.invalid("ensemble " + ensemble.getName() + " allows maximum batch size "
                    + ensemble.getMaxBatchSize() + ", but it contains model " + model.getName()
                    + " which only allows maximum batch size to be " + model.getMaxBatchSize());
        }
    }

    private void checkInputs(Step step, ModelConfig model) {
        Map<String, ModelInput> inputs = new HashMap<>();
        model.getInputList().forEach(input -> inputs.put(input.getName(), input));
        step.getInputMapMap().forEach((inputName, tensorName) -> {
            ModelInput input = inputs.get(inputName);
            if (input == null) {
                throw invalid("ensemble tensor " + tensorName + " is mapping to non-existing input " + inputName
                        + " in model " + model.getName());
            }
            agree(tensorName, new Tensor(model, input.getDataType(), Dims.of(input.getDimsList())));
        });
        for (ModelInput input : model.getInputList()) {
            if (!input.getOptional() && !step.containsInputMap(input.getName())) {
                throw invalid("input " + input.getName() + " in model " + model.getName()
                        + " is not mapped to any ensemble tensors");
            }
        }
    }

    private void checkOutputs(Step step, ModelConfig model) {
        Map<String, ModelOutput> outputs = new HashMap<>();
        model.getOutputList().forEach(output -> outputs.put(output.getName(), output));
        step.getOutputMapMap().forEach((outputName, tensorName) -> {
            ModelOutput output = outputs.get(outputName);
            if (output == null) {
                throw invalid("ensemble tensor " + tensorName + " is mapped from non-existing output " + outputName
                        + " in model " + model.getName());
            }
            agree(tensorName, new Tensor(model, output.getDataType(), Dims.of(output.getDimsList())));
        });
    }

    /** Compares what a model says about a tensor with what was said before. */
    private void agree(String tensorName, Tensor tensor) {
        Tensor before = tensors.putIfAbsent(tensorName, tensor);
        if (before == null) {
            return;
        }
        if (before.type != tensor.type) {
            throw invalid("ensemble tensor " + tensorName + ": inconsistent data type: " + tensor.type
                    + " is inferred from model " + tensor.model.getName() + " while " + before.type
                    + " is inferred from model " + before.model.getName());
        }
        if (!before.hasShapeOf(tensor)) {
            throw invalid("ensemble tensor " + tensorName + ": inconsistent shape: " + tensor.dims
                    + " is inferred from model " + tensor.model.getName() + " while " + before.dims
                    + " is inferred from model " + before.model.getName());
        }
    }

    /** Responses of two decoupled models cannot be told which belong together. */
    private void checkDecoupledOrigins() {
        Map<String, Set<Integer>> origins = new HashMap<>();
        List<Step> steps = ensemble.getEnsembleScheduling().getStepList();
        boolean isChanged = true;
        while (isChanged) {
            isChanged = false;
            for (int i = 0; i < steps.size(); i++) {
                Step step = steps.get(i);
                Set<Integer> origin = new HashSet<>();
                step.getInputMapMap().values().forEach(name -> origin.addAll(origins.getOrDefault(name, Set.of())));
                if (origin.size() > 1) {
                    throw invalid("step of model '" + step.getModelName()
                            + "' receives inputs originated from different decoupled models");
                }
                if (models.apply(step.getModelName()).orElseThrow().getModelTransactionPolicy().getDecoupled()) {
                    origin.clear();
                    origin.add(i);
                }
                for (String name : step.getOutputMapMap().values()) {
                    isChanged |= origins.computeIfAbsent(name, key -> new HashSet<>()).addAll(origin);
                }
            }
        }
    }

    private InferenceException invalid(String message) {
        return InferenceException.invalid("in ensemble " + ensemble.getName() + ", " + message);
    }

    /** What one model says about a tensor. */
    private record Tensor(ModelConfig model, DataType type, Dims dims) {
        /** Compares shapes as they are written, then with the batch dimension of the side that has one. */
        boolean hasShapeOf(Tensor other) {
            if (isSame(dims, other.dims)) {
                return true;
            }
            boolean isBatching = model.getMaxBatchSize() > 0;
            boolean isOtherBatching = other.model.getMaxBatchSize() > 0;
            if (isBatching == isOtherBatching) {
                return false;
            }
            return isBatching ? isSame(dims.prepend(Dims.ANY), other.dims) : isSame(dims, other.dims.prepend(Dims.ANY));
        }

        private static boolean isSame(Dims dims, Dims other) {
            if (dims.rank() != other.rank()) {
                return false;
            }
            for (int i = 0; i < dims.rank(); i++) {
                if (dims.get(i) != other.get(i) && dims.get(i) != Dims.ANY && other.get(i) != Dims.ANY) {
                    return false;
                }
            }
            return true;
        }
    }
}

package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.repository.config.proto.ConfigProto.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelEnsembling.Step;
import dev.nereid.repository.config.proto.ConfigProto.ModelInput;
import dev.nereid.repository.config.proto.ConfigProto.ModelOutput;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
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
     * @param models finds the completed configuration of a model that can be used, by its id
     */
    public static boolean check(ModelConfig ensemble, Function<String, Optional<ModelConfig>> models) {
        return new EnsembleValidator(ensemble, models).check();
    }

    /**
     * Returns what is wrong where ensembles consist of each other; empty where they don't.
     *
     * @param members the models that a model consists of; none for one that is no ensemble
     */
    public static Optional<String> circle(String ensemble, Function<String, List<String>> members) {
        return circle(ensemble, members, new ArrayList<>(List.of(ensemble)), new HashSet<>());
    }

    private static Optional<String> circle(String parent, Function<String, List<String>> members, List<String> path,
            Set<String> finished) {
        for (String name : members.apply(parent)) {
            if (path.contains(name)) {
                String before = path.size() == 1 ? parent : path.get(path.size() - 2);
                return Optional.of("circular dependency between ensembles: " + parent + " -> ... -> " + before + " -> "
                        + parent);
            }
            if (finished.add(name)) {
                path.add(name);
                Optional<String> circle = circle(name, members, path, finished);
                if (circle.isPresent()) {
                    return circle;
                }
                path.removeLast();
            }
        }
        return Optional.empty();
    }

    private static List<String> members(ModelConfig config) {
        return config.getEnsembleScheduling().getStepList().stream().map(ModelIds::of).toList();
    }

    private boolean check() {
        circle(ensemble.getName(), name -> name.equals(ensemble.getName())
                ? members(ensemble)
                : models.apply(name).map(EnsembleValidator::members).orElse(List.of())).ifPresent(circle -> {
                    throw InferenceException.invalid(circle);
                });
        checkPresent();
        ensemble.getInputList().forEach(input -> agree(input.getName(), new Tensor(ensemble, input.getDataType(),
                Dims.of(input.hasReshape() ? input.getReshape().getShapeList() : input.getDimsList()))));
        ensemble.getOutputList().forEach(output -> agree(output.getName(), new Tensor(ensemble, output.getDataType(),
                Dims.of(output.hasReshape() ? output.getReshape().getShapeList() : output.getDimsList()))));
        boolean isDecoupled = false;
        for (Step step : ensemble.getEnsembleScheduling().getStepList()) {
            ModelConfig model = models.apply(ModelIds.of(step)).orElseThrow();
            checkBatch(model);
            checkInputs(step, model);
            checkOutputs(step, model);
            isDecoupled |= model.getModelTransactionPolicy().getDecoupled();
        }
        checkDecoupledOrigins();
        return isDecoupled;
    }

    private void checkPresent() {
        for (Step step : ensemble.getEnsembleScheduling().getStepList()) {
            if (models.apply(ModelIds.of(step)).isEmpty()) {
                throw InferenceException.invalid("ensemble " + ensemble.getName()
                        + " contains models that are not available or ambiguous: " + step.getModelName());
            }
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
            throw invalid("ensemble tensor " + tensorName + ": inconsistent data type: " + before.type
                    + " is inferred from model " + before.model.getName() + " while " + tensor.type
                    + " is inferred from model " + tensor.model.getName());
        }
        if (!before.hasShapeOf(tensor)) {
            throw invalid("ensemble tensor " + tensorName + ": inconsistent shape: " + before.full()
                    + " is inferred from model " + before.model.getName() + " while " + tensor.full()
                    + " is inferred from model " + tensor.model.getName());
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
                if (models.apply(ModelIds.of(step)).orElseThrow().getModelTransactionPolicy().getDecoupled()) {
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
        /** Returns the shape with the batch dimension of a model that has one. */
        Dims full() {
            return model.getMaxBatchSize() > 0 ? dims.prepend(Dims.ANY) : dims;
        }

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

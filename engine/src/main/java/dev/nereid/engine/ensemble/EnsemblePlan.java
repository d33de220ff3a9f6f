package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.repository.config.ModelIds;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.function.Predicate;

/**
 * An ensemble as a graph of numbered steps and tensors, worked out once. Immutable.
 *
 * <p>Each response of a decoupled step opens a scope of its own, in which the steps behind it run once. A tensor belongs to
 * the scope of the decoupled step that it descends from, its origin, or to that of the request.
 */
final class EnsemblePlan {
    /** The origin of what descends from no decoupled step. */
    static final int REQUEST = -1;

    private final String name;
    private final List<Step> steps = new ArrayList<>();
    private final Map<String, Integer> tensors = new HashMap<>();
    private final List<Output> outputs = new ArrayList<>();
    private final List<ModelInput> inputs;
    private final boolean isDecoupled;
    /** The step that writes each tensor; {@link #REQUEST} for an input of the ensemble. */
    private final int[] producers;
    private final int[] origins;
    private final Selection everything;

    /** A tensor that goes into a step or comes out of it, under the name that the step's model has for it. */
    record Port(String name, int tensor) {
    }

    /** An output of the ensemble. */
    record Output(ModelOutput config, int tensor) {
    }

    /**
     * A step.
     *
     * @param model the id of its model
     * @param version empty for the highest that is ready
     * @param sources the tensors that it reads, each once
     * @param origin the decoupled step in whose scopes it runs
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared, and read for every request
    record Step(int index, String model, OptionalLong version, List<Port> inputs, List<Port> outputs,
            List<String> outputNames, int[] sources, boolean isDecoupled, int origin) {
    }

    /**
     * What a request needs.
     *
     * @param isActive whether a step is needed, by step
     * @param uses how often a tensor is used in its own scope, by tensor
     * @param isShared whether a tensor is also used in scopes inside its own, by tensor
     * @param outputs the outputs to answer with
     * @param inputReaders how many steps read what the client has sent; 0 where it is needed until the end
     * @param chain the decoupled steps in whose innermost scopes a response is complete, outermost first
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared, and read for every request
    record Selection(boolean[] isActive, int[] uses, boolean[] isShared, List<Output> outputs, int inputReaders,
            int[] chain) {
    }

    /**
     * Works out the graph.
     *
     * @param config the ensemble's configuration, which was checked
     * @param isDecoupledModel tells whether a model, by its id, is decoupled
     * @throws InferenceException when outputs descend from decoupled models that answer independently of each other
     */
    EnsemblePlan(ModelConfig config, Predicate<String> isDecoupledModel) {
        name = config.name();
        inputs = config.inputs();
        isDecoupled = config.isDecoupled();
        inputs.forEach(input -> tensor(input.name()));
        List<Scheduling.Step> configured = ((Scheduling.Ensemble) config.scheduling()).steps();
        for (Scheduling.Step step : configured) {
            step.inputMap().values().stream().sorted().forEach(this::tensor);
            step.outputMap().values().stream().sorted().forEach(this::tensor);
        }
        producers = new int[tensors.size()];
        origins = new int[tensors.size()];
        Arrays.fill(producers, REQUEST);
        Arrays.fill(origins, REQUEST);
        boolean[] isDecoupledStep = new boolean[configured.size()];
        for (int i = 0; i < configured.size(); i++) {
            isDecoupledStep[i] = isDecoupledModel.test(id(configured.get(i)));
            for (String output : configured.get(i).outputMap().values()) {
                // What the client sends is there first.
                if (config.input(output).isEmpty()) {
                    producers[tensor(output)] = i;
                }
            }
        }
        int[] stepOrigins = spread(configured, isDecoupledStep);
        for (int i = 0; i < configured.size(); i++) {
            Scheduling.Step step = configured.get(i);
            List<Port> outputPorts = ports(step.outputMap());
            steps.add(new Step(i, id(step),
                    step.modelVersion() < 0 ? OptionalLong.empty() : OptionalLong.of(step.modelVersion()),
                    ports(step.inputMap()), outputPorts, outputPorts.stream().map(Port::name).toList(),
                    ports(step.inputMap()).stream().mapToInt(Port::tensor).distinct().toArray(), isDecoupledStep[i],
                    stepOrigins[i]));
        }
        for (ModelOutput output : config.outputs()) {
            outputs.add(new Output(output, tensor(output.name())));
        }
        everything = select(outputs);
    }

    private static String id(Scheduling.Step step) {
        return ModelIds.of(step.modelNamespace(), step.modelName());
    }

    private int tensor(String tensorName) {
        return tensors.computeIfAbsent(tensorName, ignored -> tensors.size());
    }

    private List<Port> ports(Map<String, String> map) {
        return map.entrySet().stream().sorted(Map.Entry.comparingByKey())
                .map(each -> new Port(each.getKey(), tensor(each.getValue()))).toList();
    }

    /** Finds out in whose scopes steps run and tensors are; the graph has no circles. */
    private int[] spread(List<Scheduling.Step> configured, boolean[] isDecoupledStep) {
        int[] stepOrigins = new int[configured.size()];
        Arrays.fill(stepOrigins, REQUEST);
        boolean isChanged = true;
        while (isChanged) {
            isChanged = false;
            for (int i = 0; i < configured.size(); i++) {
                for (String input : configured.get(i).inputMap().values()) {
                    int origin = origins[tensor(input)];
                    if (origin != REQUEST && stepOrigins[i] != origin) {
                        stepOrigins[i] = origin;
                        isChanged = true;
                    }
                }
                for (String output : configured.get(i).outputMap().values()) {
                    int origin = isDecoupledStep[i] ? i : stepOrigins[i];
                    int tensor = tensor(output);
                    if (producers[tensor] == i && origins[tensor] != origin) {
                        origins[tensor] = origin;
                        isChanged = true;
                    }
                }
            }
        }
        return stepOrigins;
    }

    /** Returns what a request for these outputs needs: the steps that contribute to them. */
    Selection select(List<Output> wanted) {
        boolean[] isActive = new boolean[steps.size()];
        List<Integer> open = new ArrayList<>();
        wanted.forEach(output -> open.add(output.tensor()));
        while (!open.isEmpty()) {
            int producer = producers[open.removeLast()];
            if (producer != REQUEST && !isActive[producer]) {
                isActive[producer] = true;
                for (int source : steps.get(producer).sources()) {
                    open.add(source);
                }
            }
        }
        int[] chain = chain(wanted);
        int innermost = chain.length == 0 ? REQUEST : chain[chain.length - 1];
        int[] uses = new int[tensors.size()];
        boolean[] isShared = new boolean[tensors.size()];
        for (Step step : steps) {
            for (int source : step.sources()) {
                if (isActive[step.index()] && origins[source] == step.origin()) {
                    uses[source]++;
                } else if (isActive[step.index()]) {
                    isShared[source] = true;
                }
            }
        }
        for (Output output : wanted) {
            if (origins[output.tensor()] == innermost) {
                uses[output.tensor()]++;
            } else {
                isShared[output.tensor()] = true;
            }
        }
        return new Selection(isActive, uses, isShared, List.copyOf(wanted), inputReaders(isActive, wanted), chain);
    }

    private int inputReaders(boolean[] isActive, List<Output> wanted) {
        if (wanted.stream().anyMatch(output -> isInput(output.tensor()))) {
            return 0;
        }
        int count = 0;
        for (Step step : steps) {
            if (isActive[step.index()] && readsInputs(step)) {
                if (step.origin() != REQUEST) {
                    // Nobody knows how often it runs.
                    return 0;
                }
                count++;
            }
        }
        return count;
    }

    /** Returns whether a step reads what the client has sent. */
    boolean readsInputs(Step step) {
        for (int source : step.sources()) {
            if (isInput(source)) {
                return true;
            }
        }
        return false;
    }

    private int[] chain(List<Output> wanted) {
        List<Integer> longest = List.of();
        for (Output output : wanted) {
            List<Integer> chain = chain(origins[output.tensor()]);
            boolean isLonger = chain.size() > longest.size();
            List<Integer> longer = isLonger ? chain : longest;
            List<Integer> shorter = isLonger ? longest : chain;
            if (!longer.subList(0, shorter.size()).equals(shorter)) {
                throw InferenceException.invalid("in ensemble " + name + ", outputs originate from different decoupled "
                        + "models, whose responses can't be told which belong together; answer with the outputs of one");
            }
            longest = longer;
        }
        return longest.stream().mapToInt(Integer::intValue).toArray();
    }

    private List<Integer> chain(int origin) {
        List<Integer> chain = new ArrayList<>();
        for (int each = origin; each != REQUEST; each = steps.get(each).origin()) {
            chain.addFirst(each);
        }
        return chain;
    }

    /** Returns whether a step runs in the scopes of a decoupled one, or in scopes inside those. */
    boolean isBehind(Step step, Step decoupled) {
        for (int each = step.origin(); each != REQUEST; each = steps.get(each).origin()) {
            if (each == decoupled.index()) {
                return true;
            }
        }
        return false;
    }

    String name() {
        return name;
    }

    boolean isDecoupled() {
        return isDecoupled;
    }

    List<Step> steps() {
        return steps;
    }

    /** Returns the inputs of the ensemble, whose tensors are the first. */
    List<ModelInput> inputs() {
        return inputs;
    }

    List<Output> outputs() {
        return outputs;
    }

    int tensorCount() {
        return tensors.size();
    }

    /** Returns whether a tensor comes from the client, whatever steps write. */
    boolean isInput(int tensor) {
        return producers[tensor] == REQUEST;
    }

    Selection everything() {
        return everything;
    }
}

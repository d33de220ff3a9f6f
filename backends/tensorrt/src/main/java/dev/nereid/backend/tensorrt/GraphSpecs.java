package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.config.Scheduling;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.NavigableSet;
import java.util.TreeSet;

/** For which shapes CUDA graphs are captured. */
final class GraphSpecs {
    private static final List<Integer> USUAL = List.of(1, 2, 3, 4, 6, 8, 12, 16);

    private GraphSpecs() {
    }

    /**
     * A graph to capture.
     *
     * @param rows the batch size; 0 where the model has none
     * @param inputs shapes without the batch dimension; empty for what the profile is optimised for
     * @param fewestRows the smallest batch that it serves
     * @param isInexact whether it also serves smaller batches
     */
    record Spec(int rows, Map<String, Dims> inputs, int fewestRows, boolean isInexact) {
        /**
         * Returns the shape in which an input is captured.
         *
         * @throws InferenceException INVALID_ARG when the specification lacks it
         */
        Dims shape(TensorPlan.InputSlot slot, EngineLayout.Range range) {
            if (inputs.isEmpty()) {
                long[] dims = range.opt().toArray();
                if (rows > 0 && dims.length > 0) {
                    dims[0] = rows;
                }
                return Dims.of(dims);
            }
            Dims given = Optional.ofNullable(inputs.get(slot.name())).orElseThrow(() -> InferenceException
                    .invalid("trt failed to set input shape for unknown input '" + slot.name() + "'"));
            return rows == 0 || slot.isRagged() || slot.batchInput().isPresent() ? given : given.prepend(rows);
        }
    }

    /**
     * Returns the graphs of a configuration.
     *
     * @throws InferenceException INVALID_ARG with the reference's text where a specification makes no sense
     */
    static List<Spec> of(ModelConfig config) {
        if (!config.optimization().cuda().graphs()) {
            return List.of();
        }
        if (config.optimization().cuda().graphSpecs().isEmpty()) {
            return usual(config).stream().filter(rows -> rows <= config.maxBatchSize())
                    .map(rows -> new Spec(rows, Map.of(), rows, false)).toList();
        }
        List<Spec> specs = new ArrayList<>();
        for (Optimization.GraphSpec given : config.optimization().cuda().graphSpecs()) {
            boolean isInexact = given.lowerBoundBatchSize() != 0 || !given.lowerBoundInputs().isEmpty();
            check(config, given, isInexact);
            specs.add(new Spec(given.batchSize(), given.inputs(),
                    isInexact ? given.lowerBoundBatchSize() : given.batchSize(), isInexact));
        }
        return specs;
    }

    /** Small batches gain most; where preferred sizes are given, they are what comes. */
    private static NavigableSet<Integer> usual(ModelConfig config) {
        NavigableSet<Integer> sizes = new TreeSet<>();
        if (config.maxBatchSize() == 0) {
            sizes.add(0);
            return sizes;
        }
        sizes.add(1);
        sizes.add(config.maxBatchSize());
        switch (config.scheduling()) {
            case Scheduling.DynamicBatching batching -> sizes.addAll(batching.preferredBatchSizes());
            case Scheduling.SequenceBatching sequences -> {
                if (sequences.strategy() instanceof Scheduling.Strategy.Oldest oldest) {
                    sizes.addAll(oldest.preferredBatchSizes());
                } else {
                    sizes.addAll(USUAL);
                }
            }
            case Scheduling.Direct _,Scheduling.Ensemble _ -> sizes.addAll(USUAL);
        }
        return sizes;
    }

    private static void check(ModelConfig config, Optimization.GraphSpec spec, boolean isInexact) {
        int lowest = isInexact ? spec.lowerBoundBatchSize() : spec.batchSize();
        int max = config.maxBatchSize();
        if (max == 0 && (spec.batchSize() != 0 || lowest != 0)) {
            throw InferenceException.invalid("graph spec expects 'batch_size' to be 0 if 'max_batch_size' is 0");
        }
        if (max > 0 && (spec.batchSize() < 1 || spec.batchSize() > max || lowest < 1 || lowest > max)) {
            throw InferenceException.invalid("graph spec expects 'batch_size' to be >= 1 and <= " + max);
        }
        if (lowest > spec.batchSize()) {
            throw InferenceException
                    .invalid("graph lower bound spec expects 'batch_size' to be <= graph spec 'batch_size'");
        }
        for (Map.Entry<String, Dims> input : spec.inputs().entrySet()) {
            Dims bound = isInexact ? spec.lowerBoundInputs().get(input.getKey()) : input.getValue();
            if (bound == null) {
                throw InferenceException
                        .invalid("graph lower bound spec expects shape for input '" + input.getKey() + "'");
            }
            checkBound(input.getKey(), input.getValue(), bound);
        }
    }

    private static void checkBound(String input, Dims dims, Dims bound) {
        if (bound.rank() != dims.rank()) {
            throw InferenceException.invalid("graph lower bound spec expects to have '" + dims.rank()
                    + " dimensions, got " + bound.rank());
        }
        for (int i = 0; i < dims.rank(); i++) {
            if (bound.get(i) < 0 || dims.get(i) < 0) {
                throw InferenceException
                        .invalid("graph spec expects input '" + input + "' to have dimension >= 0");
            }
            if (bound.get(i) > dims.get(i)) {
                throw InferenceException.invalid("graph lower bound spec expects input '" + input
                        + "' to have dimension <= " + dims.get(i));
            }
        }
    }
}

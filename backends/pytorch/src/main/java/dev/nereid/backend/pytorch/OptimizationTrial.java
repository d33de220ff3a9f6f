package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.MemoryUsage;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/**
 * Finds by trial whether a model should be served as {@code torch.jit.optimize_for_inference} makes it: only where that is
 * faster by a tenth, and answers the same. On one thread, which has the threads of one execution and no gradients.
 */
final class OptimizationTrial {
    private static final Logger LOGGER = System.getLogger(OptimizationTrial.class.getName());

    /** libtorch profiles the first runs, then compiles. */
    private static final int WARM_UP_ROUNDS = 3;
    private static final int ROUNDS = 2;
    /** Executions of one row that a trial has, when those of two rows count twice. */
    private static final int EXECUTIONS = 2 * (WARM_UP_ROUNDS + ROUNDS + 2);
    /** Shorter executions gain nothing that is worth other numbers in the last digits. */
    static final long SHORTEST_NANOS = 1_000_000;
    /** A trial that would take longer is left out. */
    static final long LONGEST_NANOS = 6_000_000_000L / EXECUTIONS;
    /** The first execution takes longer than others. */
    static final long LONGEST_FIRST_NANOS = 1_500_000_000L;
    /** Models with more weights are left out, since there are two of them during the trial. */
    static final long LARGEST_BYTES = 1L << 30;
    private static final double WORTH_IT = 0.9;
    /** How far a number may be from the plain model's: this share of it, and of the largest of the output. */
    private static final double TOLERANCE = 1e-4;
    private static final double TOLERANCE_OF_LARGEST = 1e-5;
    private static final double GOLDEN_RATIO = 0.6180339887498949;

    private final String model;
    private final InputPlan inputs;
    private final boolean isBatching;
    private final LongSupplier clock;

    /**
     * Creates a trial.
     *
     * @param inputs of fixed shapes
     * @param isBatching whether the inputs have rows
     * @param clock nanoseconds from any time on
     */
    OptimizationTrial(String model, InputPlan inputs, boolean isBatching, LongSupplier clock) {
        this.model = model;
        this.inputs = inputs;
        this.isBatching = isBatching;
        this.clock = clock;
    }

    /** Returns whether a module's weights leave room for a second one. */
    static boolean hasRoomFor(LoadedModule module) {
        return module.memoryUsage().stream().mapToLong(MemoryUsage::byteSize).sum() <= LARGEST_BYTES;
    }

    /**
     * Returns the optimised module, which the caller closes, where it serves the model better.
     *
     * @param plain the module as it is in the file; left as it was
     * @param optimize loads the file once more and optimises it
     */
    Optional<LoadedModule> run(LoadedModule plain, Supplier<LoadedModule> optimize) {
        LoadedModule optimized = null;
        boolean isTaken = false;
        try (PointerScope _ = new PointerScope();
                LoadedModule.SavedState _ = plain.saveState();
                Candidate before = new Candidate(plain)) {
            if (!before.isWorthATrial()) {
                return Optional.empty();
            }
            optimized = optimize.get();
            try (Candidate after = new Candidate(optimized)) {
                isTaken = answersTheSame(before, after) && isFaster(before, after);
            }
            return isTaken ? Optional.of(optimized) : Optional.empty();
        } catch (RuntimeException e) {
            LOGGER.log(Level.DEBUG, () -> "model '" + model + "' is served as it is, since optimising it for inference "
                    + "failed: " + TorchErrors.brief(e));
            return Optional.empty();
        } finally {
            if (optimized != null && !isTaken) {
                optimized.close();
            }
        }
    }

    private boolean answersTheSame(Candidate before, Candidate after) {
        try (PointerScope _ = new PointerScope()) {
            List<Tensor> answers = after.warmUp();
            if (areClose(before.answers(), answers) && (!isBatching || areClose(before.execute(2), after.execute(2)))) {
                return true;
            }
        }
        LOGGER.log(Level.INFO, () -> "model '" + model + "' is served as it is, since it answers otherwise when it is "
                + "optimised for inference");
        return false;
    }

    private boolean isFaster(Candidate before, Candidate after) {
        Times times = times(before::nanos, after::nanos);
        LOGGER.log(Level.INFO, () -> "model '" + model + "' executes in "
                + times.before() / 1000 + " us as it is and in " + times.after() / 1000
                + " us optimised for inference, "
                + (times.isWorthIt()
                        ? "where it answers the same within 1e-4, so that is served (ENABLE_OPTIMIZE_FOR_INFERENCE false"
                                + " serves it as it is)"
                        : "so it is served as it is"));
        return times.isWorthIt();
    }

    /**
     * The best turns, in nanoseconds.
     *
     * @param before of the plain model
     * @param after of the optimised one
     */
    record Times(long before, long after) {
        boolean isWorthIt() {
            return after < before * WORTH_IT;
        }
    }

    /** Has both execute in turns. */
    static Times times(LongSupplier before, LongSupplier after) {
        long bestBefore = Long.MAX_VALUE;
        long bestAfter = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS; round++) {
            bestBefore = Math.min(bestBefore, before.getAsLong());
            bestAfter = Math.min(bestAfter, after.getAsLong());
        }
        return new Times(bestBefore, bestAfter);
    }

    private static boolean areClose(List<Tensor> expected, List<Tensor> actual) {
        if (expected.isEmpty() || expected.size() != actual.size()) {
            return false;
        }
        for (int i = 0; i < expected.size(); i++) {
            if (!areClose(expected.get(i), actual.get(i))) {
                return false;
            }
        }
        return true;
    }

    static boolean areClose(Tensor expected, Tensor actual) {
        if (expected.scalar_type().value != actual.scalar_type().value || !expected.is_same_size(actual)) {
            return false;
        }
        if (!expected.is_floating_point() || expected.numel() == 0) {
            return torch.equal(expected, actual);
        }
        Tensor a = expected.to(ScalarType.Double);
        Tensor b = actual.to(ScalarType.Double);
        double largest = a.abs().max().item_double();
        return torch.allclose(a, b, TOLERANCE, Double.isFinite(largest) ? TOLERANCE_OF_LARGEST * largest : 0, true);
    }

    /** One of the two modules, with inputs of its own. */
    private final class Candidate implements AutoCloseable {
        private final LoadedModule module;
        private final InputReader reader;
        private List<Tensor> answers = List.of();
        private long lastNanos;
        private long bestNanos;

        Candidate(LoadedModule module) {
            this.module = module;
            this.reader = InputReader.create(inputs, module, null);
        }

        /** Returns whether it takes neither too little nor too much time, and always answers the same, with tensors. */
        boolean isWorthATrial() {
            List<Tensor> first = execute(1);
            if (lastNanos > LONGEST_FIRST_NANOS) {
                return false;
            }
            answers = warmUp();
            return bestNanos >= SHORTEST_NANOS && bestNanos <= LONGEST_NANOS && areClose(first, answers);
        }

        /** Executes until libtorch has compiled what there is, and returns the last answers. */
        List<Tensor> warmUp() {
            List<Tensor> last = List.of();
            bestNanos = Long.MAX_VALUE;
            for (int round = 0; round < WARM_UP_ROUNDS; round++) {
                last = execute(1);
                // Something else may have the machine.
                bestNanos = Math.min(bestNanos, lastNanos);
            }
            return last;
        }

        /** Returns the answers of the warm-up. */
        List<Tensor> answers() {
            return answers;
        }

        /** Executes one row and returns how long that took. */
        long nanos() {
            try (PointerScope _ = new PointerScope()) {
                List<Tensor> ignored = execute(1);
                return lastNanos;
            }
        }

        /**
         * Executes numbers from 0 to 1, the same each time, and returns the answers, which the scope owns; none where it
         * answers with texts.
         */
        List<Tensor> execute(int rows) {
            try {
                IValueVector stack = reader.zeros(rows, isBatching);
                for (long i = 0; i < stack.size(); i++) {
                    IValue value = stack.get(i);
                    if (value.isTensor() && value.toTensor().is_floating_point()) {
                        fill(value.toTensor());
                    }
                }
                long begin = clock.getAsLong();
                List<IValue> results = module.run(stack);
                lastNanos = clock.getAsLong() - begin;
                return copies(results);
            } finally {
                reader.release();
            }
        }

        private static List<Tensor> copies(List<IValue> results) {
            List<Tensor> copies = new ArrayList<>();
            for (IValue result : results) {
                if (!result.isTensor()) {
                    return List.of();
                }
                copies.add(result.toTensor().clone());
            }
            return copies;
        }

        private static void fill(Tensor tensor) {
            Tensor numbers = torch.arange(new Scalar(tensor.numel()), new TensorOptions(ScalarType.Double))
                    .mul(new Scalar(GOLDEN_RATIO)).frac().reshape(tensor.sizes());
            Tensor ignored = tensor.copy_(numbers);
        }

        @Override
        public void close() {
            reader.close();
        }
    }
}

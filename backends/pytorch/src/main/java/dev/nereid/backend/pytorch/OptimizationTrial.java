package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.MemoryUsage;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/**
 * Finds by trial whether a model should be served {@link Rewriting rewritten}: only where that is faster by a tenth, and
 * answers the same. On one thread, which has the threads of one execution and no gradients.
 */
final class OptimizationTrial {
    private static final Logger LOGGER = System.getLogger(OptimizationTrial.class.getName());

    /** libtorch profiles the first runs, then compiles. */
    private static final int WARM_UP_ROUNDS = 3;
    private static final int ROUNDS = 3;
    /** Shorter executions gain nothing that is worth other numbers in the last digits. */
    static final long SHORTEST_NANOS = 1_000_000;
    /** Longer ones are left out: a trial of all that can be made of a model would take ten seconds. */
    static final long LONGEST_NANOS = 400_000_000;
    /** The first execution takes longer than others. */
    static final long LONGEST_FIRST_NANOS = 1_500_000_000L;
    /** Models with more weights are left out, since there are up to three of them during the trial. */
    static final long LARGEST_BYTES = 1L << 30;
    private static final double WORTH_IT = 0.9;
    /** How far a number may be from the plain model's: this share of it, and of the largest of the output. */
    private static final double TOLERANCE = 1e-4;
    private static final double TOLERANCE_OF_LARGEST = 1e-5;
    private static final double GOLDEN_RATIO = 0.6180339887498949;

    private final String model;
    private final InputPlan inputs;
    private final int maxBatchSize;
    private final LongSupplier clock;

    /**
     * Creates a trial.
     *
     * @param inputs of fixed shapes
     * @param maxBatchSize how many rows the inputs may have; 0 where they have none
     * @param clock nanoseconds from any time on
     */
    OptimizationTrial(String model, InputPlan inputs, int maxBatchSize, LongSupplier clock) {
        this.model = model;
        this.inputs = inputs;
        this.maxBatchSize = maxBatchSize;
        this.clock = clock;
    }

    /**
     * A module that serves the model better, which its user closes.
     *
     * @param module the module
     * @param rewriting what was made of it
     */
    record Outcome(LoadedModule module, Rewriting rewriting) {
    }

    /** Returns whether a module's weights leave room for others. */
    static boolean hasRoomFor(LoadedModule module) {
        return module.memoryUsage().stream().mapToLong(MemoryUsage::byteSize).sum() <= LARGEST_BYTES;
    }

    /**
     * Returns the fastest module that serves the model better than the plain one.
     *
     * @param plain the module as it is in the file; left as it was
     * @param load loads the file once more, rewritten; nothing where that can't be done with the model
     */
    Optional<Outcome> run(LoadedModule plain, Function<Rewriting, Optional<LoadedModule>> load) {
        try (PointerScope _ = new PointerScope();
                LoadedModule.SavedState _ = plain.saveState();
                Candidate before = new Candidate(plain);
                Best best = new Best()) {
            if (!before.isWorthATrial()) {
                return Optional.empty();
            }
            for (Rewriting rewriting : Rewriting.values()) {
                tryOut(before, rewriting, load, best);
            }
            return best.take();
        } catch (RuntimeException e) {
            LOGGER.log(Level.DEBUG, () -> "model '" + model + "' is served as it is, since a trial failed: "
                    + TorchErrors.brief(e));
            return Optional.empty();
        }
    }

    private void tryOut(Candidate before, Rewriting rewriting, Function<Rewriting, Optional<LoadedModule>> load,
            Best best) {
        Optional<LoadedModule> loaded = Optional.empty();
        boolean isTaken = false;
        try {
            loaded = load.apply(rewriting);
            isTaken = loaded.isPresent() && best.takes(loaded.get(), rewriting, before);
        } catch (RuntimeException e) {
            LOGGER.log(Level.DEBUG, () -> "model '" + model + "' can't be served " + rewriting.text() + ": "
                    + TorchErrors.brief(e));
        } finally {
            if (!isTaken) {
                loaded.ifPresent(LoadedModule::close);
            }
        }
    }

    private boolean answersTheSame(Candidate before, Candidate after, Rewriting rewriting) {
        try (PointerScope _ = new PointerScope()) {
            List<Tensor> answers = after.warmUp();
            if (areClose(before.answers(), answers)
                    && (maxBatchSize < 2 || areClose(before.execute(2), after.execute(2)))) {
                return true;
            }
        }
        LOGGER.log(Level.INFO, () -> "model '" + model + "' is not served " + rewriting.text()
                + ", since it answers otherwise then");
        return false;
    }

    /** The best of the modules so far; closing it closes what was not taken. */
    private final class Best implements AutoCloseable {
        private final List<String> times = new ArrayList<>();
        private @Nullable Outcome outcome;
        private double share = WORTH_IT;

        /** Keeps a module that is better than the best so far, and returns whether it is. */
        boolean takes(LoadedModule module, Rewriting rewriting, Candidate before) {
            try (Candidate after = new Candidate(module)) {
                if (!answersTheSame(before, after, rewriting)) {
                    return false;
                }
                Times both = times(before::nanos, after::nanos);
                times.add(both.after() / 1000 + " us " + rewriting.text() + " (" + both.before() / 1000
                        + " us as it is)");
                if (both.share() >= share) {
                    return false;
                }
                close();
                share = both.share();
                outcome = new Outcome(module, rewriting);
                return true;
            }
        }

        Optional<Outcome> take() {
            Optional<Outcome> taken = Optional.ofNullable(outcome);
            outcome = null;
            if (!times.isEmpty()) {
                LOGGER.log(Level.INFO,
                        () -> "model '" + model + "' executes in " + String.join(", ", times) + "; it is "
                                + "served "
                                + taken.map(it -> it.rewriting().text() + ", where it answers the same within 1e-4 "
                                        + "(ENABLE_OPTIMIZE_FOR_INFERENCE false serves it as it is)")
                                        .orElse("as it is"));
            }
            return taken;
        }

        @Override
        public void close() {
            Outcome old = outcome;
            outcome = null;
            if (old != null) {
                old.module().close();
            }
        }
    }

    /**
     * The best turns, in nanoseconds.
     *
     * @param before of the plain model
     * @param after of the rewritten one
     */
    record Times(long before, long after) {
        /** Returns how much of the plain model's time it takes. */
        double share() {
            return after / (double) before;
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
        try (PointerScope _ = new PointerScope()) {
            // Double precision for double; all others have single precision or less.
            ScalarType type = expected.scalar_type().value == ScalarType.Double.value
                    ? ScalarType.Double
                    : ScalarType.Float;
            Tensor a = expected.to(type);
            Tensor b = actual.to(type);
            double largest = a.abs().max().item_double();
            return torch.allclose(a, b, TOLERANCE, Double.isFinite(largest) ? TOLERANCE_OF_LARGEST * largest : 0, true);
        }
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
            bestNanos = Long.MAX_VALUE;
            for (int round = 1; round < WARM_UP_ROUNDS; round++) {
                // Something else may have the machine.
                bestNanos = Math.min(bestNanos, nanos());
            }
            List<Tensor> last = execute(1);
            bestNanos = Math.min(bestNanos, lastNanos);
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
            PointerScope callers = PointerScope.getInnerScope();
            // Inputs and what makes them may take more than the model.
            try (PointerScope _ = new PointerScope()) {
                IValueVector stack = reader.zeros(rows, maxBatchSize > 0);
                for (long i = 0; i < stack.size(); i++) {
                    IValue value = stack.get(i);
                    if (value.isTensor() && value.toTensor().is_floating_point()) {
                        fill(value.toTensor());
                    }
                }
                long begin = clock.getAsLong();
                List<IValue> results = module.run(stack);
                lastNanos = clock.getAsLong() - begin;
                List<Tensor> copies = copies(results);
                copies.forEach(callers::attach);
                return copies;
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
                    .mul_(new Scalar(GOLDEN_RATIO)).frac_().reshape(tensor.sizes());
            Tensor ignored = tensor.copy_(numbers);
        }

        @Override
        public void close() {
            reader.close();
        }
    }
}

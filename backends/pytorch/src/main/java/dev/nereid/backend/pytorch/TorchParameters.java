package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ParameterText;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The {@code parameters} of a model's configuration that this backend knows. Others are ignored, as in the reference.
 *
 * @param inferenceMode whether load and execution run in inference mode
 * @param optimizedExecution whether the graph executor optimises
 * @param weightSharing whether the instances on one device share one module
 * @param intraOpThreads threads of each instance, where given
 * @param interOpThreads threads of the process for asynchronous tasks, where given
 * @param jitExecutor the process-wide switch of the graph executor, where given
 * @param jitProfiling the process-wide switch of profiling, where given
 * @param tensorFuser the process-wide switch of the fuser, where given
 * @param cacheCleaning whether the device's cache is emptied after each execution; without effect on the CPU
 * @param cudnn whether cuDNN is used; without effect on the CPU
 * @param freezing whether weights are inlined into the graph at load
 * @param optimizeForInference whether freezing is followed by further rewriting of the graph
 * @param channelsLast whether weights of convolutions have the channels last in memory
 * @param bf16 whether weights are BF16, and FP32 at the border only
 * @param triesOptimizing whether a trial decides about the two, since nothing is said about it
 * @param autoWarmup whether each instance executes zeros before it is ready
 */
record TorchParameters(boolean inferenceMode, boolean optimizedExecution, boolean weightSharing,
        OptionalInt intraOpThreads, OptionalInt interOpThreads, Optional<Boolean> jitExecutor,
        Optional<Boolean> jitProfiling, Optional<Boolean> tensorFuser, boolean cacheCleaning, boolean cudnn,
        boolean freezing, boolean optimizeForInference, boolean channelsLast, boolean bf16, boolean triesOptimizing,
        boolean autoWarmup) {
    /** OpenMP ends the process where it can't start its threads, or has no room for a list of them. */
    private static final int MOST_THREADS = 1024;

    /** Whoever says anything about how libtorch executes the model knows better than a trial. */
    private static final List<String> UNDECIDED = List.of("ENABLE_OPTIMIZE_FOR_INFERENCE", "ENABLE_CHANNELS_LAST",
            "ENABLE_FREEZING",
            "DISABLE_OPTIMIZED_EXECUTION", "INFERENCE_MODE", "ENABLE_JIT_EXECUTOR", "ENABLE_JIT_PROFILING",
            "ENABLE_TENSOR_FUSER");

    static TorchParameters parse(Map<String, String> parameters) {
        return new TorchParameters(bool(parameters, "INFERENCE_MODE").orElse(true),
                !bool(parameters, "DISABLE_OPTIMIZED_EXECUTION").orElse(false),
                bool(parameters, "ENABLE_WEIGHT_SHARING").orElse(false), count(parameters, "INTRA_OP_THREAD_COUNT"),
                count(parameters, "INTER_OP_THREAD_COUNT"), bool(parameters, "ENABLE_JIT_EXECUTOR"),
                bool(parameters, "ENABLE_JIT_PROFILING"), bool(parameters, "ENABLE_TENSOR_FUSER"),
                bool(parameters, "ENABLE_CACHE_CLEANING").orElse(false),
                !bool(parameters, "DISABLE_CUDNN").orElse(false), bool(parameters, "ENABLE_FREEZING").orElse(false),
                bool(parameters, "ENABLE_OPTIMIZE_FOR_INFERENCE").orElse(false),
                bool(parameters, "ENABLE_CHANNELS_LAST").orElse(false), bool(parameters, "ENABLE_BF16").orElse(false),
                bool(parameters, "ENABLE_AUTO_WARMUP").orElse(true)
                        && UNDECIDED.stream().noneMatch(parameters::containsKey),
                bool(parameters, "ENABLE_AUTO_WARMUP").orElse(true));
    }

    /** Returns the same with the graph rewritten for inference. */
    TorchParameters optimized() {
        return new TorchParameters(inferenceMode, optimizedExecution, weightSharing, intraOpThreads, interOpThreads,
                jitExecutor, jitProfiling, tensorFuser, cacheCleaning, cudnn, freezing, true, channelsLast, bf16,
                triesOptimizing, autoWarmup);
    }

    /** Returns the same with frozen weights, those of convolutions with the channels last. */
    TorchParameters laidOutChannelsLast() {
        return new TorchParameters(inferenceMode, optimizedExecution, weightSharing, intraOpThreads, interOpThreads,
                jitExecutor, jitProfiling, tensorFuser, cacheCleaning, cudnn, true, optimizeForInference, true, bf16,
                triesOptimizing, autoWarmup);
    }

    /** Returns what is switched on and off for a model, in the words of the reference that people search logs for. */
    List<String> switches(String model) {
        List<String> lines = new ArrayList<>();
        lines.add(line("Optimized execution", optimizedExecution, model));
        lines.add(line("Cache Cleaning", cacheCleaning, model));
        lines.add(line("Inference Mode", inferenceMode, model));
        lines.add(line("cuDNN", cudnn, model));
        lines.add(line("Weight sharing", weightSharing, model));
        tensorFuser.ifPresent(isOn -> lines.add(line("Tensor fuser", isOn, model)));
        jitProfiling.ifPresent(isOn -> lines.add(line("Jit profiling", isOn, model)));
        jitExecutor.ifPresent(isOn -> lines.add(line("Jit executor", isOn, model)));
        return lines;
    }

    private static String line(String what, boolean isOn, String model) {
        return what + " is " + (isOn ? "enabled" : "disabled") + " for model instance '" + model + "'";
    }

    private static Optional<Boolean> bool(Map<String, String> parameters, String key) {
        return Optional.ofNullable(parameters.get(key)).map(ParameterText::bool);
    }

    /**
     * Reads a number of threads. Those of 0 and below are ignored.
     *
     * @throws InferenceException INVALID_ARG for what is no number, or a larger one than OpenMP survives
     */
    static OptionalInt count(Map<String, String> parameters, String key) {
        String text = parameters.get(key);
        int count = text == null ? 0 : ParameterText.integer(text);
        if (count > MOST_THREADS) {
            throw InferenceException.invalid("'" + key + "' is " + count + ", at most " + MOST_THREADS
                    + " are allowed");
        }
        return count > 0 ? OptionalInt.of(count) : OptionalInt.empty();
    }
}

package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ParameterText;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What a model's configuration says about its session. Parameters that are not known here are ignored, as in the
 * reference.
 *
 * @param intraOpThreads threads within operators for each instance, where given
 * @param interOpThreads threads across operators, where given
 * @param isParallel whether operators that don't depend on one another run at the same time
 * @param optimization how far the graph is optimised
 * @param memoryArena whether memory is kept for later executions, where given
 * @param memoryPattern whether memory is planned in one piece, where given
 * @param sessionEntries entries for the session's configuration
 * @param runEntries entries for the configuration of every execution
 */
record OnnxParameters(OptionalInt intraOpThreads, OptionalInt interOpThreads, boolean isParallel,
        Optimization optimization, Optional<Boolean> memoryArena, Optional<Boolean> memoryPattern,
        Map<String, String> sessionEntries, Map<String, String> runEntries) {

    private static final String ALLOCATOR_FOR_INITIALIZERS = "session.use_device_allocator_for_initializers";
    private static final String ARENA_SHRINKAGE = "memory.enable_memory_arena_shrinkage";

    /** How far a graph is optimised; the numbers are ONNX Runtime's. */
    enum Optimization {
        NONE(0), BASIC(1), EXTENDED(2), ALL(99);

        private final int code;

        Optimization(int code) {
            this.code = code;
        }

        int code() {
            return code;
        }

        /** The levels of the configuration are the reference's; they don't grow with what is optimised. */
        private static Optimization of(int level) {
            return switch (level) {
                case -1 -> BASIC;
                case 1 -> EXTENDED;
                case 2 -> NONE;
                default -> ALL;
            };
        }
    }

    static OnnxParameters parse(ModelConfig config) {
        Map<String, String> parameters = config.parameters();
        return new OnnxParameters(count(parameters, "intra_op_thread_count"),
                count(parameters, "inter_op_thread_count"), isParallel(parameters),
                Optimization.of(config.optimization().graphLevel()), bool(parameters, "enable_mem_arena"),
                bool(parameters, "enable_mem_pattern"), entries(parameters, ALLOCATOR_FOR_INITIALIZERS),
                entries(parameters, ARENA_SHRINKAGE));
    }

    private static boolean isParallel(Map<String, String> parameters) {
        String text = parameters.get("execution_mode");
        int mode = text == null ? 0 : ParameterText.integer(text);
        if (mode != 0 && mode != 1) {
            throw InferenceException.invalid(
                    "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got "
                            + mode + " .");
        }
        return mode == 1;
    }

    private static Optional<Boolean> bool(Map<String, String> parameters, String key) {
        return Optional.ofNullable(parameters.get(key)).map(ParameterText::bool);
    }

    private static Map<String, String> entries(Map<String, String> parameters, String key) {
        Map<String, String> entries = new LinkedHashMap<>();
        String value = parameters.get(key);
        if (value != null) {
            entries.put(key, value);
        }
        return entries;
    }

    /** Counts of 0 and below mean the default. */
    private static OptionalInt count(Map<String, String> parameters, String key) {
        String text = parameters.get(key);
        int count = text == null ? 0 : ParameterText.integer(text);
        return count > 0 ? OptionalInt.of(count) : OptionalInt.empty();
    }
}

package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ParameterText;
import java.util.Map;
import java.util.Optional;

/**
 * A model's own settings, from {@code parameters}.
 *
 * @param followsProfile whether the memory of an execution context is sized anew with each profile
 * @param weightBudget how many bytes of weights stay on the GPU; -1 for what TensorRT recommends, empty for all
 */
record TrtParameters(boolean followsProfile, Optional<Long> weightBudget) {
    /** The key for how memory is allocated: STATIC or ON_PROFILE_CHANGE. */
    static final String ALLOCATION = "execution_context_allocation_strategy";
    /** The key for the bytes of weights that stay on the GPU, or {@code auto}. */
    static final String WEIGHT_BUDGET = "weight_streaming_budget";
    private static final String MULTI_DEVICE = "enable_multi_device";

    static TrtParameters parse(String model, Map<String, String> parameters) {
        if (ParameterText.bool(parameters.getOrDefault(MULTI_DEVICE, "false"))) {
            throw InferenceException.unsupported(
                    "'" + MULTI_DEVICE + "' of model '" + model + "' is not supported: an engine runs on one GPU");
        }
        String allocation = parameters.getOrDefault(ALLOCATION, "STATIC");
        boolean followsProfile = switch (allocation) {
            case "STATIC" -> false;
            case "ON_PROFILE_CHANGE" -> true;
            default -> throw InferenceException.invalid("Invalid value for '" + ALLOCATION + "': '" + allocation
                    + "' for model instance '" + model + "'. Supported values are 'STATIC' and 'ON_PROFILE_CHANGE'.");
        };
        return new TrtParameters(followsProfile, budget(model, parameters.get(WEIGHT_BUDGET)));
    }

    private static Optional<Long> budget(String model, @org.jspecify.annotations.Nullable String text) {
        if (text == null) {
            return Optional.empty();
        }
        if (text.equals("auto")) {
            return Optional.of(-1L);
        }
        try {
            long bytes = Long.parseLong(text);
            if (bytes >= 0) {
                return Optional.of(bytes);
            }
        } catch (NumberFormatException e) {
            // Told below.
        }
        throw InferenceException.invalid("'" + WEIGHT_BUDGET + "' of model '" + model + "' is '" + text
                + "', expected a number of bytes or 'auto'");
    }
}

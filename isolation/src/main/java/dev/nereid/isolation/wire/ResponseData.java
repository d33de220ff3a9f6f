package dev.nereid.isolation.wire;

import dev.nereid.backend.api.Parameter;
import java.util.List;
import java.util.Map;

/**
 * A response.
 *
 * @param outputs in the order in which they were added
 * @param parameters its parameters
 */
public record ResponseData(List<TensorData> outputs, Map<String, Parameter> parameters) {
}

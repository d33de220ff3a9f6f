package dev.nereid.server.trace;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;

/**
 * How traces are brought to a collector of OpenTelemetry.
 *
 * @param url where spans are sent
 * @param resource what the spans are of, such as {@code service.name}
 * @param maxQueueSize so many spans may wait; others are dropped
 * @param scheduleDelay how long spans wait for others to be sent with
 * @param maxBatchSize so many spans are sent together
 * @param plugins where the plugin is
 * @param environment variables with the exporter's own settings
 */
public record OpenTelemetryOptions(String url, Map<String, String> resource, int maxQueueSize, Duration scheduleDelay,
        int maxBatchSize, Path plugins, Map<String, String> environment) {
    /** The name of the mode and of the plugin. */
    public static final String NAME = "opentelemetry";

    /** Copies the maps. */
    public OpenTelemetryOptions {
        resource = Map.copyOf(resource);
        environment = Map.copyOf(environment);
    }
}

package dev.nereid.server.trace;

import dev.nereid.engine.trace.TraceSettings;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which requests are traced, and how.
 *
 * @param settings the settings at the start
 * @param file where traces are written to; empty where there is no tracing to a file
 * @param openTelemetry how traces are brought to a collector, in place of a file; empty for none
 */
public record TraceOptions(TraceSettings settings, Optional<Path> file,
        Optional<OpenTelemetryOptions> openTelemetry) {
    /** Returns options without a collector. */
    public static TraceOptions of(TraceSettings settings, Optional<Path> file) {
        return new TraceOptions(settings, file, Optional.empty());
    }
}

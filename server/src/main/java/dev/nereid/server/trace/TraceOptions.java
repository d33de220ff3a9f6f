package dev.nereid.server.trace;

import dev.nereid.engine.trace.TraceSettings;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Which requests are traced, and how.
 *
 * @param settings the settings at the start
 * @param file where traces are written to; empty where there is no tracing
 */
public record TraceOptions(TraceSettings settings, Optional<Path> file) {
}

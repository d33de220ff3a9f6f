package dev.nereid.server.v2;

import java.nio.file.Path;
import java.util.Optional;

/**
 * What is logged, and how.
 *
 * @param info whether information is
 * @param warning whether warnings are
 * @param error whether errors are
 * @param verboseLevel 0 for none
 * @param isIso8601 whether times have the ISO 8601 format
 * @param file the file; empty for standard error
 */
public record LogOptions(boolean info, boolean warning, boolean error, int verboseLevel, boolean isIso8601,
        Optional<Path> file) {
}

package dev.nereid.server.v2;

/**
 * Log settings as clients see them.
 *
 * @param file the file; empty for standard error
 * @param info whether information is logged
 * @param warning whether warnings are
 * @param error whether errors are
 * @param verboseLevel 0 for none
 * @param format {@code default} or {@code ISO8601}
 */
public record LogSettings(String file, boolean info, boolean warning, boolean error, int verboseLevel, String format) {
}

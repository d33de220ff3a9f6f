package dev.nereid.server.v2;

import java.util.Optional;

/**
 * A change of log settings; what is empty stays as it is.
 *
 * @param namesFile whether the request names a file to log to, which is refused
 * @param info whether information is logged
 * @param warning whether warnings are
 * @param error whether errors are
 * @param verboseLevel 0 for none
 * @param format {@code default} or {@code ISO8601}
 */
public record LogChange(boolean namesFile, Optional<Boolean> info, Optional<Boolean> warning, Optional<Boolean> error,
        Optional<Integer> verboseLevel, Optional<String> format) {
    /** Names a file. */
    public static final LogChange OF_FILE = new LogChange(true, Optional.empty(), Optional.empty(), Optional.empty(),
            Optional.empty(), Optional.empty());
}

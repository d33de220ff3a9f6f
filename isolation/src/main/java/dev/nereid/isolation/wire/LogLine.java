package dev.nereid.isolation.wire;

import java.lang.System.Logger.Level;

/**
 * A message of a worker's logger, as one line of its output.
 *
 * @param level its level
 * @param text the message, which may have several lines
 */
public record LogLine(Level level, String text) {
    private static final char MARK = '\u001e';
    private static final char BREAK = '\u001f';

    /** Returns it as one line. */
    public String line() {
        return MARK + level.name() + MARK + text.replace('\n', BREAK);
    }

    /**
     * Reads a line, which may be none that {@link #line()} has made: that is one of INFO, or of DEBUG where it begins as the
     * JVM's last words do, since the crash report says the same better.
     */
    public static LogLine parse(String line) {
        int end = line.indexOf(MARK, 1);
        if (line.isEmpty() || line.charAt(0) != MARK || end < 0) {
            return new LogLine(line.startsWith("#") ? Level.DEBUG : Level.INFO, line);
        }
        String name = line.substring(1, end);
        for (Level level : Level.values()) {
            if (level.name().equals(name)) {
                return new LogLine(level, line.substring(end + 1).replace(BREAK, '\n'));
            }
        }
        return new LogLine(Level.INFO, line);
    }
}

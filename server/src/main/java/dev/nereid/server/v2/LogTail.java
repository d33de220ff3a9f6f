package dev.nereid.server.v2;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/** The last lines of the log. Threads: any; the monitor is held for moments only. */
public final class LogTail {
    private static final int MAX_LINES = 300;
    private static final int MAX_TEXT = 2000;

    /** Guarded by this. */
    private final Deque<String> lines = new ArrayDeque<>();

    /** Adds what was logged, which may be several lines, such as a table or an exception. */
    public synchronized void add(String text) {
        for (String line : text.lines().filter(each -> !each.isEmpty()).toList()) {
            lines.addLast(line.length() > MAX_TEXT ? line.substring(0, MAX_TEXT) + "..." : line);
            if (lines.size() > MAX_LINES) {
                lines.removeFirst();
            }
        }
    }

    /** Returns the lines, the latest last. */
    public synchronized List<String> lines() {
        return List.copyOf(lines);
    }
}

package dev.nereid.tools.report;

import java.io.Console;
import java.io.PrintStream;
import java.util.Optional;

/** Shows on one line of the terminal what is going on. For one thread. */
public final class Progress {
    private static final int WIDTH = 100;

    private final PrintStream out;
    private final boolean isShown;
    private boolean isDirty;

    private Progress(PrintStream out, boolean isShown) {
        this.out = out;
        this.isShown = isShown;
    }

    /** Returns a progress line that is only shown where there is somebody to look at it. */
    public static Progress of(PrintStream out) {
        return new Progress(out, Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent());
    }

    /** Returns a progress line that is never shown. */
    public static Progress none(PrintStream out) {
        return new Progress(out, false);
    }

    /** Shows a text in place of the last. */
    public void show(String text) {
        if (isShown) {
            String shown = text.length() > WIDTH ? text.substring(0, WIDTH) : text;
            out.print("\r" + shown + " ".repeat(WIDTH - shown.length()));
            out.flush();
            isDirty = true;
        }
    }

    /** Removes the line, so that something else can be printed. */
    public void clear() {
        if (isDirty) {
            out.print("\r" + " ".repeat(WIDTH) + "\r");
            out.flush();
            isDirty = false;
        }
    }
}

package dev.nereid.server.cli;

import java.util.logging.LogManager;

/**
 * A log manager that goes on logging while the process ends: the JDK's own closes all handlers when shutdown begins, at
 * the same time as the server still reports what it unloads. Public, since the JDK creates it by name; whoever names it
 * must not touch this class before, since the JDK's log manager would be initialized first.
 */
public final class LastingLogManager extends LogManager {
    private volatile boolean isLasting;

    /** Created by the JDK. */
    public LastingLogManager() {
    }

    /** Says that logging is set up: from here on it is not reset. */
    static void last() {
        if (LogManager.getLogManager() instanceof LastingLogManager manager) {
            manager.isLasting = true;
        }
    }

    @Override
    public void reset() {
        if (!isLasting) {
            super.reset();
        }
    }
}

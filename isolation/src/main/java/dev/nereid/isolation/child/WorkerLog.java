package dev.nereid.isolation.child;

import dev.nereid.isolation.wire.LogLine;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/** Writes what is logged in a worker to its output, from where it goes to the server's log, level and all. */
final class WorkerLog extends Handler {
    private final PrintStream output = new PrintStream(new FileOutputStream(FileDescriptor.out), true,
            StandardCharsets.UTF_8);
    private final SimpleFormatter formatter = new SimpleFormatter();

    private WorkerLog() {
    }

    /** Takes the place of the handlers that the JDK has. */
    static void install(boolean isVerbose) {
        LogManager.getLogManager().reset();
        Logger root = Logger.getLogger("");
        root.setLevel(isVerbose ? Level.FINE : Level.INFO);
        root.addHandler(new WorkerLog());
        // Tells on every start what it found.
        Logger.getLogger("org.pf4j").setLevel(Level.WARNING);
    }

    @Override
    public void publish(LogRecord entry) {
        StringWriter text = new StringWriter();
        text.write(formatter.formatMessage(entry));
        if (entry.getThrown() != null) {
            text.write('\n');
            entry.getThrown().printStackTrace(new PrintWriter(text, true));
        }
        output.println(new LogLine(level(entry.getLevel()), text.toString()).line());
    }

    private static System.Logger.Level level(Level level) {
        if (level.intValue() >= Level.SEVERE.intValue()) {
            return System.Logger.Level.ERROR;
        }
        if (level.intValue() >= Level.WARNING.intValue()) {
            return System.Logger.Level.WARNING;
        }
        return level.intValue() >= Level.INFO.intValue() ? System.Logger.Level.INFO : System.Logger.Level.DEBUG;
    }

    @Override
    public void flush() {
        output.flush();
    }

    @Override
    public void close() {
        output.flush();
    }
}

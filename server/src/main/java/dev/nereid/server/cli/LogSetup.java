package dev.nereid.server.cli;

import dev.nereid.repository.config.FileFailures;
import dev.nereid.server.v2.LogControl;
import dev.nereid.server.v2.LogOptions;
import dev.nereid.server.v2.LogTail;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.logging.ConsoleHandler;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Sets up logging as the flags say: to standard error or a file, one line each, in the reference's form. Text that comes
 * from requests can't forge a line: line breaks and control characters are escaped, except in the tables and stacks that
 * the server writes itself.
 */
final class LogSetup implements LogControl {
    private static final DateTimeFormatter SHORT = DateTimeFormatter.ofPattern("MMdd HH:mm:ss.SSSSSS", Locale.ROOT);
    private static final DateTimeFormatter ISO = DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT);
    /** Keeps loggers whose level was set from being collected. */
    private static final Logger LIBRARIES = Logger.getLogger("io.helidon");
    private static final Logger GRPC = Logger.getLogger("io.grpc");
    private static final Logger TRANSPORT = Logger.getLogger("io.netty");
    private static final Logger LISTENERS = Logger.getLogger("io.helidon.webserver.LoomServer");
    private static final Logger PLUGINS = Logger.getLogger("org.pf4j");
    private static final Logger JDK_EXIT = Logger.getLogger("java.lang.Runtime");

    private final Handler handler;
    private final @Nullable TailHandler tail;
    private volatile LogOptions options;

    private LogSetup(Handler handler, @Nullable TailHandler tail, LogOptions options) {
        this.handler = handler;
        this.tail = tail;
        this.options = options;
    }

    /**
     * Sets logging up.
     *
     * @throws UsageException when the log file can't be written, or another server writes it
     */
    static LogSetup apply(LogOptions options) {
        return apply(options, false);
    }

    /**
     * Sets logging up.
     *
     * @param keepsTail whether the last lines are kept for people who look
     * @throws UsageException when the log file can't be written, or another server writes it
     */
    static LogSetup apply(LogOptions options, boolean keepsTail) {
        LogManager.getLogManager().reset();
        Handler handler;
        try {
            handler = options.file().isPresent() ? LogFileHandler.open(options.file().get()) : new ConsoleHandler();
            handler.setEncoding(StandardCharsets.UTF_8.name());
        } catch (IOException e) {
            throw new UsageException("--log-file=" + options.file().map(Object::toString).orElse("")
                    + " can't be written: " + FileFailures.reason(e));
        }
        handler.setLevel(Level.ALL);
        LogSetup setup = new LogSetup(handler, keepsTail ? new TailHandler() : null, options);
        setup.change(options);
        Logger.getLogger("").addHandler(handler);
        if (setup.tail != null) {
            Logger.getLogger("").addHandler(setup.tail);
        }
        LastingLogManager.last();
        return setup;
    }

    @Override
    public LogOptions options() {
        return options;
    }

    @Override
    public synchronized void change(LogOptions changed) {
        options = changed;
        handler.setFormatter(new LineFormatter(changed.isIso8601()));
        handler.setFilter(line -> isWanted(line, changed));
        if (tail != null) {
            tail.setFormatter(new LineFormatter(changed.isIso8601()));
            tail.setFilter(line -> isWanted(line, changed));
        }
        Logger.getLogger("").setLevel(changed.verboseLevel() > 1
                ? Level.FINER
                : changed.verboseLevel() > 0 ? Level.FINE : Level.INFO);
        // What libraries say about themselves is of interest to their developers only.
        LIBRARIES.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.WARNING);
        GRPC.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.WARNING);
        TRANSPORT.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.WARNING);
        // A port that can't be opened is reported by the server itself, without a stack.
        LISTENERS.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.OFF);
        PLUGINS.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.SEVERE);
        // The JDK writes a stack for every exit.
        JDK_EXIT.setLevel(changed.verboseLevel() > 1 ? Level.FINE : Level.WARNING);
    }

    @Override
    public Optional<LogTail> tail() {
        return Optional.ofNullable(tail).map(TailHandler::lines);
    }

    /** Keeps the last lines, which look like those of the log. */
    private static final class TailHandler extends Handler {
        private final LogTail lines = new LogTail();

        TailHandler() {
            setLevel(Level.ALL);
        }

        LogTail lines() {
            return lines;
        }

        @Override
        public void publish(LogRecord line) {
            if (isLoggable(line)) {
                lines.add(getFormatter().format(line));
            }
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    }

    /** Writes what is left, and closes the log file. Nothing is logged afterwards. */
    void close() {
        Logger.getLogger("").removeHandler(handler);
        handler.close();
    }

    private static boolean isWanted(LogRecord line, LogOptions options) {
        int level = line.getLevel().intValue();
        if (level >= Level.SEVERE.intValue()) {
            return options.error();
        }
        if (level >= Level.WARNING.intValue()) {
            return options.warning();
        }
        return level < Level.INFO.intValue() || options.info();
    }

    private static final class LineFormatter extends Formatter {
        private static final StackWalker WALKER = StackWalker.getInstance();
        /** What stands between a line of code that logs and the formatter. */
        private static final List<String> LOGGING = List.of(LineFormatter.class.getName(),
                LogFileHandler.class.getName(), TailHandler.class.getName(),
                "java.util.logging.", "java.lang.System$", "sun.util.logging.", "jdk.internal.logger.", "org.slf4j.");

        private final boolean isIso;

        LineFormatter(boolean isIso) {
            this.isIso = isIso;
        }

        @Override
        public String format(LogRecord line) {
            StringBuilder text = new StringBuilder(128);
            char level = letter(line.getLevel());
            Instant time = line.getInstant();
            if (isIso) {
                text.append(ISO.format(time.atZone(ZoneOffset.UTC))).append(' ').append(level).append(' ');
            } else {
                text.append(level).append(SHORT.format(time.atZone(ZoneId.systemDefault()))).append(' ');
            }
            text.append(ProcessHandle.current().pid()).append(' ');
            text.append(place(line)).append("] ");
            String message = formatMessage(line);
            // A table starts with a line break; only the server itself logs one.
            text.append(message.startsWith("\n+") ? message : escape(message)).append('\n');
            if (line.getThrown() != null) {
                StringWriter stack = new StringWriter();
                line.getThrown().printStackTrace(new PrintWriter(stack));
                // Messages of exceptions may hold text from requests: no line of a stack starts like one of the log.
                stack.toString().lines()
                        .forEach(each -> text.append("    ").append(escape(each.stripLeading())).append('\n'));
            }
            return text.toString();
        }

        /** Returns the file and line that log, which the logger's own thread formats. */
        private static String place(LogRecord line) {
            String logger = line.getLoggerName() == null ? "" : line.getLoggerName();
            return WALKER.walk(frames -> frames.filter(frame -> !isLogging(frame.getClassName())).findFirst())
                    .filter(frame -> frame.getFileName() != null && frame.getLineNumber() > 0)
                    .map(frame -> frame.getFileName() + ":" + frame.getLineNumber())
                    .orElseGet(() -> logger.substring(logger.lastIndexOf('.') + 1));
        }

        private static boolean isLogging(String className) {
            return LOGGING.stream().anyMatch(className::startsWith);
        }

        private static char letter(Level level) {
            if (level.intValue() >= Level.SEVERE.intValue()) {
                return 'E';
            }
            if (level.intValue() >= Level.WARNING.intValue()) {
                return 'W';
            }
            return 'I';
        }

        private static String escape(String message) {
            StringBuilder safe = new StringBuilder(message.length());
            for (int i = 0; i < message.length(); i++) {
                char c = message.charAt(i);
                if (c == '\n') {
                    safe.append(i == message.length() - 1 ? "" : "\\n");
                } else if (c < ' ' || c == 0x7f || (c >= 0x80 && c < 0xa0)) {
                    safe.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
                } else {
                    safe.append(c);
                }
            }
            return safe.toString();
        }
    }
}

package dev.nereid.backend.pytorch;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** What a class has logged since this was made. */
final class RecordedLog extends Handler implements AutoCloseable {
    private final Logger logger;
    private final List<LogRecord> records = new CopyOnWriteArrayList<>();

    private RecordedLog(Logger logger) {
        this.logger = logger;
    }

    static RecordedLog of(Class<?> source) {
        RecordedLog log = new RecordedLog(Logger.getLogger(source.getName()));
        log.logger.addHandler(log);
        return log;
    }

    List<String> warnings() {
        return texts(Level.WARNING);
    }

    /** Returns what was said on that level. */
    List<String> texts(Level level) {
        return records.stream().filter(entry -> entry.getLevel().equals(level)).map(LogRecord::getMessage).toList();
    }

    @Override
    public void publish(LogRecord entry) {
        records.add(entry);
    }

    @Override
    public void flush() {
    }

    @Override
    public void close() {
        logger.removeHandler(this);
    }
}

package dev.nereid.engine.model;

import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Collects what is logged while it is open. */
final class LogRecorder extends Handler implements AutoCloseable {
    private final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

    static LogRecorder start() {
        LogRecorder recorder = new LogRecorder();
        Logger.getLogger("").addHandler(recorder);
        return recorder;
    }

    /** Returns whether a message holds that text. */
    boolean has(String text) {
        return lines.stream().anyMatch(line -> line.contains(text));
    }

    /** Returns the messages, each behind its level. */
    List<String> lines() {
        return List.copyOf(lines);
    }

    @Override
    public void publish(LogRecord record) {
        lines.add(record.getLevel() + " " + record.getMessage());
    }

    @Override
    public void flush() {
    }

    @Override
    public void close() {
        Logger.getLogger("").removeHandler(this);
    }
}

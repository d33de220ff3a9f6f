package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import java.util.Optional;

/** What is logged, and how; can be changed while the server runs. Threads: any. */
public interface LogControl {
    /** Returns what is logged now. */
    LogOptions options();

    /** Changes what is logged, and how, but not where to. */
    void change(LogOptions options);

    /** Returns the last lines of the log; empty where they are not kept. */
    default Optional<LogTail> tail() {
        return Optional.empty();
    }

    /** Returns the control of a server inside another program, whose logging is that program's own business. */
    static LogControl fixed(LogOptions options) {
        return new LogControl() {
            @Override
            public LogOptions options() {
                return options;
            }

            @Override
            public void change(LogOptions changed) {
                throw InferenceException
                        .unsupported("log settings belong to the program that this server is a part of");
            }
        };
    }
}

package dev.nereid.tools.perf;

/** The measurement can't be made. The message is one sentence for the person who asked for it. */
public final class PerfException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    PerfException(String message) {
        super(message);
    }

    PerfException(String message, Throwable cause) {
        super(message, cause);
    }
}

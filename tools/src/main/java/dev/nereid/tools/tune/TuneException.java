package dev.nereid.tools.tune;

/** The model can't be tuned. The message is one sentence for the person who asked for it. */
final class TuneException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TuneException(String message) {
        super(message);
    }

    TuneException(String message, Throwable cause) {
        super(message, cause);
    }
}

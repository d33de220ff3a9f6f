package dev.nereid.tools.prepare;

/** The trial run did not go as it should. The message says how, for who started it. */
final class PrepareException extends Exception {
    private static final long serialVersionUID = 1L;

    PrepareException(String message) {
        super(message);
    }

    PrepareException(String message, Throwable cause) {
        super(message, cause);
    }
}

package dev.nereid.server;

/** The server can't start. The message says why and what to do. */
public final class StartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates the error. */
    public StartException(String message) {
        super(message);
    }
}

package dev.nereid.server.cli;

/** The command line is wrong. The message names the flag, what was given and what was expected. */
public final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates the error. */
    public UsageException(String message) {
        super(message);
    }
}

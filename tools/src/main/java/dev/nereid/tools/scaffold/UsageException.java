package dev.nereid.tools.scaffold;

/** What is wrong with a command line, in words for its user. */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}

package dev.nereid.backend.api;

import java.util.Objects;

/**
 * The one coded error that crosses module borders. Its message goes to clients: it names the thing, what it has and
 * what was expected, and holds no class names and no stack.
 */
public final class InferenceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The code. */
    private final StatusCode code;

    /** Creates an error with a message for the client. */
    public InferenceException(StatusCode code, String message) {
        super(Objects.requireNonNull(message));
        this.code = Objects.requireNonNull(code);
    }

    /** Creates an error with a message for the client and a cause for the log. */
    public InferenceException(StatusCode code, String message, Throwable cause) {
        super(Objects.requireNonNull(message), cause);
        this.code = Objects.requireNonNull(code);
    }

    /** Returns an INVALID_ARG error. */
    public static InferenceException invalid(String message) {
        return new InferenceException(StatusCode.INVALID_ARG, message);
    }

    /** Returns an INTERNAL error. */
    public static InferenceException internal(String message) {
        return new InferenceException(StatusCode.INTERNAL, message);
    }

    /** Returns an UNAVAILABLE error. */
    public static InferenceException unavailable(String message) {
        return new InferenceException(StatusCode.UNAVAILABLE, message);
    }

    /** Returns a NOT_FOUND error. */
    public static InferenceException notFound(String message) {
        return new InferenceException(StatusCode.NOT_FOUND, message);
    }

    /** Returns an UNSUPPORTED error. */
    public static InferenceException unsupported(String message) {
        return new InferenceException(StatusCode.UNSUPPORTED, message);
    }

    /** Returns the code. */
    public StatusCode code() {
        return code;
    }

    /** Returns the message; never null. */
    @Override
    public String getMessage() {
        return Objects.requireNonNull(super.getMessage());
    }

    /** Returns code and message as index reasons and logs show them: {@code Invalid argument: ...}. */
    public String reason() {
        return code.text() + ": " + getMessage();
    }
}

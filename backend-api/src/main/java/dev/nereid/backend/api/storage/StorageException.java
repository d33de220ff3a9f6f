package dev.nereid.backend.api.storage;

import dev.nereid.backend.api.Experimental;
import java.util.Objects;

/** Why object storage did not do what it was asked. The message tells what it answered, without where it is. */
@Experimental(since = "1.1")
public final class StorageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** What can be done about it. */
    public enum Kind {
        /** There is no such bucket, container or object. */
        NOT_FOUND,
        /** The credentials are missing or wrong, or lack a right. */
        DENIED,
        /** The object is another one than was listed. */
        CHANGED,
        /** It may work after a pause: no answer, an error of the server's, or too many requests. */
        UNAVAILABLE,
        /** Asking again would not help. */
        REFUSED
    }

    /** The kind. */
    private final Kind kind;

    /** Creates a failure. */
    public StorageException(Kind kind, String message) {
        super(Objects.requireNonNull(message));
        this.kind = Objects.requireNonNull(kind);
    }

    /** Creates a failure with a cause for the log. */
    public StorageException(Kind kind, String message, Throwable cause) {
        super(Objects.requireNonNull(message), cause);
        this.kind = Objects.requireNonNull(kind);
    }

    /** Returns what can be done about it. */
    public Kind kind() {
        return kind;
    }

    /** Returns the message; never null. */
    @Override
    public String getMessage() {
        return Objects.requireNonNull(super.getMessage());
    }

    /** Returns the kind of failure that a status of HTTP means. */
    public static Kind kindOf(int status) {
        return switch (status) {
            case 401, 403 -> Kind.DENIED;
            case 404, 410 -> Kind.NOT_FOUND;
            case 412, 416 -> Kind.CHANGED;
            case 408, 425, 429 -> Kind.UNAVAILABLE;
            default -> status >= 500 ? Kind.UNAVAILABLE : Kind.REFUSED;
        };
    }
}

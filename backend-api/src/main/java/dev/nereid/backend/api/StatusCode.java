package dev.nereid.backend.api;

/** What went wrong, in the protocol's terms. The front ends map it to their own status once. */
public enum StatusCode {
    /** A foreign error without a code. */
    UNKNOWN("Unknown", 400),
    /** An error of the server or of a native library. */
    INTERNAL("Internal", 500),
    /** A model, version or region is not known. */
    NOT_FOUND("Not found", 404),
    /** The client can fix it. */
    INVALID_ARG("Invalid argument", 400),
    /** Not ready, queue full, or timed out: trying again may help. */
    UNAVAILABLE("Unavailable", 503),
    /** Known, but not offered. */
    UNSUPPORTED("Unsupported", 501),
    /** Registered twice. */
    ALREADY_EXISTS("Already exists", 400),
    /** The client gave up. */
    CANCELLED("<invalid code>", 400);

    private final String text;
    private final int httpStatus;

    StatusCode(String text, int httpStatus) {
        this.text = text;
        this.httpStatus = httpStatus;
    }

    /** Returns the text that stands before a message in index reasons and logs. */
    public String text() {
        return text;
    }

    /**
     * Returns the HTTP status for this code.
     *
     * @deprecated a backend has no use for it; the HTTP front end knows its own statuses
     */
    @Deprecated(since = "1.1")
    public int httpStatus() {
        return httpStatus;
    }
}

package dev.nereid.isolation.wire;

/** What came over a connection can't be what the other side meant to send. The connection is of no further use. */
public final class WireException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Creates it with what is wrong. */
    public WireException(String message) {
        super(message);
    }
}

package dev.nereid.server.tls;

/** Key or certificates that can't be used. Its message tells people which file, why, and the way out. */
public final class TlsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TlsException(String message) {
        super(message);
    }

    TlsException(String message, Throwable cause) {
        super(message, cause);
    }
}

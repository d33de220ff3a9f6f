package dev.nereid.server.http;

import dev.nereid.backend.api.StatusCode;

/** How HTTP says what went wrong. */
final class HttpStatus {
    private HttpStatus() {
    }

    static int of(StatusCode code) {
        return switch (code) {
            case UNKNOWN, INVALID_ARG, ALREADY_EXISTS, CANCELLED -> 400;
            case NOT_FOUND -> 404;
            case INTERNAL -> 500;
            case UNSUPPORTED -> 501;
            case UNAVAILABLE -> 503;
        };
    }
}

package dev.nereid.server.grpc;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import io.grpc.Status;

/** What errors are called in gRPC (grpc, 3). */
final class Statuses {
    private Statuses() {
    }

    static Status of(InferenceException error) {
        return of(error.code()).withDescription(error.getMessage());
    }

    private static Status of(StatusCode code) {
        return switch (code) {
            case UNKNOWN -> Status.UNKNOWN;
            case INTERNAL -> Status.INTERNAL;
            case NOT_FOUND -> Status.NOT_FOUND;
            case INVALID_ARG -> Status.INVALID_ARGUMENT;
            case UNAVAILABLE -> Status.UNAVAILABLE;
            case UNSUPPORTED -> Status.UNIMPLEMENTED;
            case ALREADY_EXISTS -> Status.ALREADY_EXISTS;
            case CANCELLED -> Status.CANCELLED;
        };
    }
}

package dev.nereid.server.grpc.wire;

/** Bytes that are no message of the protocol. Its message says where and why, for the client. */
final class MalformedMessageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MalformedMessageException(String message) {
        super(message, null, false, false);
    }
}

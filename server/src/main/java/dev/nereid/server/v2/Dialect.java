package dev.nereid.server.v2;

import dev.nereid.backend.api.StatusCode;

/** Front ends whose words the protocol has in two versions. Clients compare texts, so each gets the one that it knows. */
public enum Dialect {
    /** HTTP and JSON. */
    HTTP("--log_format", "got:", StatusCode.UNAVAILABLE),
    /** gRPC. */
    GRPC("log_format", "got: ", StatusCode.INVALID_ARG);

    private final String logFormat;
    private final String gotCount;
    private final StatusCode wrongLogFormat;

    Dialect(String logFormat, String gotCount, StatusCode wrongLogFormat) {
        this.logFormat = logFormat;
        this.gotCount = gotCount;
        this.wrongLogFormat = wrongLogFormat;
    }

    /** Returns how an error calls the setting of the log's format. */
    String logFormat() {
        return logFormat;
    }

    /** Returns which error a format of the log is that there is not. */
    StatusCode wrongLogFormat() {
        return wrongLogFormat;
    }

    /** Returns what stands before a count that is too small. */
    String gotCount() {
        return gotCount;
    }
}

package dev.nereid.server.v2;

/** Front ends whose words the protocol has in two versions. Clients compare texts, so each gets the one that it knows. */
public enum Dialect {
    /** HTTP and JSON. */
    HTTP("--log_format", "got:"),
    /** gRPC. */
    GRPC("log_format", "got: ");

    private final String logFormat;
    private final String gotCount;

    Dialect(String logFormat, String gotCount) {
        this.logFormat = logFormat;
        this.gotCount = gotCount;
    }

    /** Returns how an error calls the setting of the log's format. */
    String logFormat() {
        return logFormat;
    }

    /** Returns what stands before a count that is too small. */
    String gotCount() {
        return gotCount;
    }
}

package dev.nereid.benchmark;

/** Where requests go, on this machine. */
interface Endpoint {
    /** Returns the port for HTTP. */
    int port();

    /** Returns the port for gRPC; 0 for none. */
    int grpcPort();
}

package dev.nereid.benchmark;

import java.nio.file.Path;
import java.time.Duration;

/** Sends requests, each connection the next as soon as the last is answered, from a process of its own. */
interface LoadGenerator extends AutoCloseable {
    /**
     * A request.
     *
     * @param path where to
     * @param body the file that holds its body
     * @param jsonLength how much of it is JSON; 0 where all is
     * @param isGrpc whether it is sent over gRPC, as the message of a call of ModelInfer; the path says nothing then
     */
    record Request(String path, Path body, int jsonLength, boolean isGrpc) {
    }

    /** Returns how the report names it. */
    String name();

    /** Returns whether it can send requests over gRPC. */
    boolean sendsGrpc();

    /** Loads what listens on that port of this machine. */
    Turn run(int port, Request request, int connections, Duration warmUp, Duration measured);

    @Override
    void close();
}

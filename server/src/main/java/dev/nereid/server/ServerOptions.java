package dev.nereid.server;

import dev.nereid.engine.EngineOptions;
import dev.nereid.server.console.ConsoleOptions;
import dev.nereid.server.grpc.GrpcOptions;
import dev.nereid.server.http.HttpOptions;
import dev.nereid.server.metrics.MetricsOptions;
import dev.nereid.server.trace.TraceOptions;
import dev.nereid.server.v2.LogOptions;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * How a server is to run.
 *
 * @param id the server's name in its metadata
 * @param exitTimeout how long to wait for running requests at shutdown
 * @param exitOnError whether a model that fails to load at the start ends the server
 * @param engine models and backends
 * @param http the HTTP listener
 * @param grpc the gRPC listener
 * @param metrics the metrics listener
 * @param logging what is logged, and how
 * @param trace which requests are traced, and how
 * @param exitsOnStall whether a server that can't serve any more ends
 * @param allowsClientSharedMemory whether clients may register shared memory
 * @param console the console
 * @param exitGrace how long the server goes on serving, not ready, when it is asked to end, before it does
 * @param authTokens the file with the tokens of which requests need one; empty where they need none
 */
public record ServerOptions(String id, Duration exitTimeout, boolean exitOnError, EngineOptions engine,
        HttpOptions http, GrpcOptions grpc, MetricsOptions metrics, LogOptions logging, TraceOptions trace,
        boolean exitsOnStall,
        boolean allowsClientSharedMemory, ConsoleOptions console, Duration exitGrace, Optional<Path> authTokens) {
}

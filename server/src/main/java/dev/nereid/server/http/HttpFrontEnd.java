package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.CNumber;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.LogControl;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.ServerOptions.HttpOptions;
import dev.nereid.server.ServerOptions.Restriction;
import io.helidon.common.buffers.DataReader;
import io.helidon.http.HeaderNames;
import io.helidon.http.RequestException;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The v2 HTTP listener: one handler for every path, which decides about access before anything else looks at the
 * request. Each request has a virtual thread of its own.
 */
public final class HttpFrontEnd implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(HttpFrontEnd.class.getName());
    private static final List<String> EXTENSIONS = List.of("classification", "model_repository",
            "model_repository(unload_dependents)", "schedule_policy", "model_configuration", "system_shared_memory",
            "cuda_shared_memory", "binary_tensor_data", "parameters", "statistics", "trace", "logging");

    /**
     * What the endpoints work with.
     *
     * @param engine serves models
     * @param tracer selects requests to trace
     * @param sharedMemory the registered regions
     * @param logs changes log settings
     */
    public record Services(Engine engine, Tracer tracer, ClientSharedMemory sharedMemory, LogControl logs) {
    }

    private final Engine engine;
    private final ServerOptions options;
    private final String version;
    private final InferHandler infer;
    private final GenerateHandler generate;
    private final ModelHandler models;
    private final RepositoryHandler repository;
    private final StatisticsHandler statistics;
    private final SharedMemoryHandler sharedMemory;
    private final TraceHandler trace;
    private final LogHandler logs;
    private final ClientConnections connections;
    private final WebServer server;

    private HttpFrontEnd(Services services, ServerOptions options, String version) {
        this.engine = services.engine();
        this.options = options;
        this.version = version;
        HttpOptions http = options.http();
        this.infer = new InferHandler(services, http.maxInputSize(), new HeaderForwarding(http.forwardPattern()));
        this.generate = new GenerateHandler(services, http.maxInputSize());
        this.models = new ModelHandler(engine);
        this.repository = new RepositoryHandler(engine, http.maxInputSize());
        this.statistics = new StatisticsHandler(engine);
        this.sharedMemory = new SharedMemoryHandler(services.sharedMemory(), options.allowsClientSharedMemory(),
                http.maxInputSize());
        this.trace = new TraceHandler(engine, services.tracer(), http.maxInputSize());
        this.logs = new LogHandler(services.logs(), http.maxInputSize());
        this.connections = Listener.connections(this::handle);
        this.server = Listener.create(http.address(), http.port(), http.reusesPort(), options.exitTimeout(),
                connections);
    }

    /**
     * Creates a front end whose port is not yet open. It is to be closed, opened or not.
     *
     * @param version the server's version, for its metadata
     */
    public static HttpFrontEnd create(Services services, ServerOptions options, String version) {
        return new HttpFrontEnd(services, options, version);
    }

    /**
     * Opens the port.
     *
     * @throws IllegalStateException when it can't be opened
     */
    public void open() {
        Listener.open(server);
    }

    /** Returns the port that is listened on. */
    public int port() {
        return server.port();
    }

    private void handle(ServerRequest request, ServerResponse response) {
        Exchange exchange = new Exchange(request, response);
        try {
            route(exchange);
        } catch (InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> exchange.method() + " " + printable(exchange.path()) + ": " + e.getMessage());
            exchange.sendError(e);
        } catch (UncheckedIOException | CloseConnectionException | DataReader.InsufficientDataAvailableException e) {
            // The client has gone, in the middle of its request or of our answer: nobody is left to tell.
            LOGGER.log(Level.DEBUG, () -> "connection lost: " + e.getMessage());
            throw new CloseConnectionException("connection lost", e);
        } catch (RequestException e) {
            throw e;
        } catch (RuntimeException | VirtualMachineError e) {
            LOGGER.log(Level.ERROR, exchange.method() + " " + printable(exchange.path()) + " failed", e);
            if (exchange.isSent()) {
                throw new CloseConnectionException("the answer broke off", e);
            }
            exchange.sendInternalError();
        }
        exchange.finish();
    }

    private static String printable(String text) {
        StringBuilder safe = new StringBuilder(text.length());
        text.chars().limit(512).forEach(c -> safe.append(c < ' ' || c == 0x7f ? '?' : (char) c));
        return safe.toString();
    }

    private void route(Exchange exchange) {
        Optional<Route> found = exchange.route();
        if (found.isEmpty()) {
            exchange.sendError(404, "Not Found", Exchange.TEXT);
            return;
        }
        Route route = found.get();
        Restriction restriction = options.http().restrictions().get(route.endpoint().category().flagName());
        if (restriction != null && !restriction.value()
                .equals(exchange.header(HeaderNames.create(restriction.header())).orElse(null))) {
            exchange.sendError(403, "This API is restricted, expecting header '" + restriction.header() + "'",
                    Exchange.TEXT);
            return;
        }
        if (!route.endpoint().allows(exchange.method())) {
            exchange.sendError(405, "Method Not Allowed", route.endpoint().errorType());
            return;
        }
        dispatch(exchange, route);
    }

    private void dispatch(Exchange exchange, Route route) {
        OptionalLong modelVersion = version(route.version());
        switch (route.endpoint()) {
            case LIVE -> health(exchange, true);
            case READY -> health(exchange, engine.isReady());
            case SERVER_METADATA -> metadata(exchange);
            case MODEL_METADATA -> models.metadata(exchange, route.model(), modelVersion);
            case MODEL_READY -> models.ready(exchange, route.model(), modelVersion);
            case MODEL_CONFIG -> models.config(exchange, route.model(), modelVersion);
            case STATISTICS -> statistics.handle(exchange, route.model(), modelVersion);
            case INFER -> infer.handle(exchange, route.model(), modelVersion);
            case GENERATE -> generate.handle(exchange, route.model(), modelVersion, false);
            case GENERATE_STREAM -> generate.handle(exchange, route.model(), modelVersion, true);
            case INDEX -> repository.index(exchange);
            case LOAD -> repository.load(exchange, route);
            case UNLOAD -> repository.unload(exchange, route);
            case SYSTEM_MEMORY_STATUS -> sharedMemory.systemStatus(exchange, route.region());
            case SYSTEM_MEMORY_REGISTER -> sharedMemory.systemRegister(exchange, route.region());
            case SYSTEM_MEMORY_UNREGISTER -> sharedMemory.systemUnregister(exchange, route.region());
            case CUDA_MEMORY_STATUS -> sharedMemory.cudaStatus(exchange, route.region());
            case CUDA_MEMORY_REGISTER -> sharedMemory.cudaRegister(exchange, route.region());
            case CUDA_MEMORY_UNREGISTER -> sharedMemory.cudaUnregister(exchange, route.region());
            case TRACE_SETTING -> trace.handle(exchange, route.model());
            case LOG_SETTING -> logs.handle(exchange);
        }
    }

    private static OptionalLong version(String digits) {
        if (digits.isEmpty()) {
            return OptionalLong.empty();
        }
        CNumber number = CNumber.parseLong(digits);
        if (!number.isNumber()) {
            throw InferenceException.invalid("failed to get model version from specified version string '" + digits
                    + "' (details: stol), version should be an integral value > 0");
        }
        return OptionalLong.of(number.value());
    }

    private void health(Exchange exchange, boolean isHealthy) {
        if (engine.isStopping()) {
            throw new InferenceException(StatusCode.UNAVAILABLE, "Server exiting");
        }
        exchange.sendEmpty(isHealthy ? 200 : 400, Exchange.TEXT);
    }

    private void metadata(Exchange exchange) {
        JsonWriter json = new JsonWriter().beginObject();
        json.name("name").string(options.id()).name("version").string(version).name("extensions").beginArray();
        EXTENSIONS.forEach(json::string);
        exchange.sendJson(json.endArray().endObject());
    }

    /** Stops accepting connections and waits for running requests, up to the exit timeout. */
    @Override
    public void close() {
        server.stop();
        connections.close();
    }
}

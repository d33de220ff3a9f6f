package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.listener.Client;
import dev.nereid.server.listener.ClientConnections;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.listener.Deadline;
import dev.nereid.server.listener.Listener;
import dev.nereid.server.listener.PortHealth;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.v2.AuthTokens;
import dev.nereid.server.v2.Category;
import dev.nereid.server.v2.HeaderForwarding;
import dev.nereid.server.v2.ModelVersions;
import dev.nereid.server.v2.Restriction;
import dev.nereid.server.v2.ServerMetadata;
import dev.nereid.server.v2.V2Service;
import io.helidon.common.buffers.DataReader;
import io.helidon.http.HeaderNames;
import io.helidon.http.RequestException;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.Handler;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The v2 HTTP listener: one handler for every path, which decides about access before anything else looks at the
 * request. Each request has a virtual thread of its own.
 */
public final class HttpFrontEnd implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(HttpFrontEnd.class.getName());

    /**
     * What the endpoints work with.
     *
     * @param engine executes inference
     * @param tracer selects requests to trace
     * @param v2 answers everything else
     * @param tokens who may ask; empty for all. To be closed by who has created them
     */
    public record Services(Engine engine, Tracer tracer, V2Service v2, Optional<AuthTokens> tokens) {
    }

    private final Engine engine;
    private final V2Service service;
    private final HttpOptions options;
    private final InferHandler infer;
    private final GenerateHandler generate;
    private final ModelHandler models;
    private final RepositoryHandler repository;
    private final StatisticsHandler statistics;
    private final SharedMemoryHandler sharedMemory;
    private final TraceHandler trace;
    private final LogHandler logs;
    private final ClientConnections connections;
    private final Optional<AuthTokens> tokens;
    private volatile @Nullable Listener listener;

    private HttpFrontEnd(Services services, HttpOptions options, Optional<ServerTls> tls) {
        this.tokens = services.tokens();
        this.engine = services.engine();
        this.options = options;
        this.service = services.v2();
        this.infer = new InferHandler(services, options.maxInputSize(), new HeaderForwarding(options.forwardPattern()));
        this.generate = new GenerateHandler(services, options.maxInputSize());
        this.models = new ModelHandler(service);
        this.repository = new RepositoryHandler(service, options.maxInputSize());
        this.statistics = new StatisticsHandler(service);
        this.sharedMemory = new SharedMemoryHandler(service.sharedMemory(), options.maxInputSize());
        this.trace = new TraceHandler(service.traces(), options.maxInputSize());
        this.logs = new LogHandler(service.logs(), options.maxInputSize());
        this.connections = ClientConnections.start("http", engine.buffers().heap(), tls, options.maxConnectionAge(),
                this::open);
    }

    /**
     * Creates a front end whose port is not yet open. It is to be closed, opened or not.
     *
     * @param tls key and certificates; empty for plain text. To be closed by who has created them
     */
    public static HttpFrontEnd create(Services services, HttpOptions options, Optional<ServerTls> tls) {
        return new HttpFrontEnd(services, options, tls);
    }

    /**
     * Opens the port.
     *
     * @param slots each connection takes one
     * @throws IOException when it can't be opened
     */
    public void open(ConnectionSlots slots) throws IOException {
        listener = Listener.open("http", options.address(), options.port(), options.reusesPort(), slots,
                connections);
    }

    /** Returns the port that is listened on; -1 where it is not open. */
    public int port() {
        Listener opened = listener;
        return opened == null ? -1 : opened.port();
    }

    /** Returns whether the port is served. */
    public PortHealth health() {
        Listener opened = listener;
        return opened == null ? PortHealth.GONE : opened.health();
    }

    private Handler open(Client client) {
        Routes routes = new Routes();
        return (request, response) -> handle(new Exchange(client, routes, request, response, engine.buffers().heap()));
    }

    /** Answers a request, whichever port it came to. */
    void handle(Exchange exchange) {
        boolean isLogged = LOGGER.isLoggable(Level.DEBUG);
        long begin = isLogged ? System.nanoTime() : 0;
        try {
            route(exchange);
            exchange.failure().ifPresent(error -> note(exchange, error));
            if (isLogged) {
                logRequest(exchange, begin, "");
            }
        } catch (InferenceException e) {
            note(exchange, e);
            exchange.sendError(e);
            if (isLogged) {
                logRequest(exchange, begin, ": " + e.getMessage());
            }
        } catch (UncheckedIOException | CloseConnectionException | DataReader.InsufficientDataAvailableException e) {
            // The client has gone, in the middle of its request or of our answer: nobody is left to tell.
            LOGGER.log(Level.DEBUG, () -> requestLine(exchange) + " lost its connection: " + e.getMessage());
            throw new CloseConnectionException("connection lost", e);
        } catch (RequestException e) {
            throw e;
        } catch (RuntimeException | VirtualMachineError e) {
            LOGGER.log(Level.ERROR, requestLine(exchange) + " failed", e);
            if (exchange.isSent()) {
                throw new CloseConnectionException("the answer broke off", e);
            }
            exchange.sendInternalError();
        } finally {
            exchange.release();
        }
        exchange.finish();
    }

    /** Tells people who look that a request failed. */
    private void note(Exchange exchange, InferenceException error) {
        service.failures().add(() -> exchange.method() + " " + printable(exchange.path()), error);
    }

    private static void logRequest(Exchange exchange, long begin, String reason) {
        double millis = (System.nanoTime() - begin) / 1e6;
        LOGGER.log(Level.DEBUG, () -> String.format(Locale.ROOT, "%s, %d, %d bytes, %.3f ms%s", requestLine(exchange),
                exchange.sentStatus(), exchange.sentBytes(), millis, reason));
    }

    private static String requestLine(Exchange exchange) {
        return "HTTP request: " + exchange.method() + " " + printable(exchange.path());
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
        if (refuses(exchange, route.endpoint().category())) {
            return;
        }
        if (!route.endpoint().allows(exchange.method())) {
            exchange.sendWrongMethod(route.endpoint().methods(), route.endpoint().errorType());
            return;
        }
        dispatch(exchange, route);
    }

    /** Returns whether a request may not see things of that category, which it then is told. */
    boolean refuses(Exchange exchange, Category category) {
        if (lacksToken(exchange, category)) {
            exchange.sendUnauthorized();
            return true;
        }
        Optional<Restriction> restriction = restriction(exchange, category);
        restriction.ifPresent(asked -> exchange.sendError(403,
                "This API is restricted, expecting header '" + asked.header() + "'", Exchange.TEXT));
        return restriction.isPresent();
    }

    /** Returns the name of the header that a request lacks to see things of that category; empty where it may. */
    Optional<String> missing(Exchange exchange, Category category) {
        return lacksToken(exchange, category)
                ? Optional.of(HeaderNames.AUTHORIZATION.lowerCase())
                : restriction(exchange, category).map(Restriction::header);
    }

    private boolean lacksToken(Exchange exchange, Category category) {
        return tokens.isPresent() && !tokens.get().admits(category, exchange.header(HeaderNames.AUTHORIZATION));
    }

    private Optional<Restriction> restriction(Exchange exchange, Category category) {
        return Optional.ofNullable(options.restrictions().get(category.flagName()))
                .filter(asked -> !asked.admits(exchange.header(HeaderNames.create(asked.header()))));
    }

    private void dispatch(Exchange exchange, Route route) {
        OptionalLong modelVersion = ModelVersions.parse(route.version());
        switch (route.endpoint()) {
            case LIVE -> exchange.sendEmpty(service.isLive() ? 200 : 400, Exchange.TEXT);
            case READY -> exchange.sendEmpty(service.isReady() ? 200 : 400, Exchange.TEXT);
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

    private void metadata(Exchange exchange) {
        ServerMetadata metadata = service.metadata();
        JsonWriter json = new JsonWriter().beginObject();
        json.name("name").string(metadata.name()).name("version").string(metadata.version());
        json.name("extensions").beginArray();
        metadata.extensions().forEach(json::string);
        exchange.sendJson(json.endArray().endObject());
    }

    /** Has each answer be the last of its connection from now on, so that routers take what comes next elsewhere. */
    public void endConnections() {
        connections.endWithAnswers();
    }

    /**
     * Closes the port. What still comes on open connections is answered, until no request has come for a moment or the
     * deadline has passed.
     */
    public void close(Deadline deadline) {
        Listener opened = listener;
        if (opened != null) {
            opened.close();
        }
        connections.drain(deadline);
        connections.close();
    }

    /** Closes the port and all connections. */
    @Override
    public void close() {
        close(Deadline.in(Duration.ZERO));
    }
}

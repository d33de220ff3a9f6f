package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.console.ConsoleData;
import dev.nereid.server.console.ConsoleOptions;
import dev.nereid.server.console.Feed;
import dev.nereid.server.console.HostRule;
import dev.nereid.server.console.PageFiles;
import dev.nereid.server.console.PageFiles.PageFile;
import dev.nereid.server.listener.Client;
import dev.nereid.server.listener.ClientConnections;
import dev.nereid.server.listener.ConnectionSlots;
import dev.nereid.server.listener.Deadline;
import dev.nereid.server.listener.Listener;
import dev.nereid.server.tls.ServerTls;
import dev.nereid.server.v2.Category;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.webserver.http.Handler;
import java.io.IOException;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The console's listener: the page, what it shows, and those endpoints of the protocol that it uses. Every request is
 * checked for where it comes from before anything else looks at it. Each has a virtual thread of its own; those of viewers
 * wait for the next snapshot.
 */
public final class ConsoleEndpoint implements AutoCloseable {
    private static final int MAX_CONNECTIONS = 128;
    private static final Duration INTERVAL = Duration.ofSeconds(1);
    private static final HeaderName SITE = HeaderNames.create("Sec-Fetch-Site");
    private static final HeaderName MODE = HeaderNames.create("Sec-Fetch-Mode");
    private static final Set<Endpoint> READING = EnumSet.of(Endpoint.LIVE, Endpoint.READY, Endpoint.SERVER_METADATA,
            Endpoint.MODEL_METADATA, Endpoint.MODEL_READY, Endpoint.MODEL_CONFIG, Endpoint.STATISTICS, Endpoint.INFER,
            Endpoint.GENERATE, Endpoint.GENERATE_STREAM, Endpoint.INDEX);
    private static final Set<Endpoint> WRITING = EnumSet.of(Endpoint.LOAD, Endpoint.UNLOAD, Endpoint.LOG_SETTING);
    /** What the page shows or asks for. */
    private static final List<Category> SHOWN = List.of(Category.METADATA, Category.MODEL_REPOSITORY,
            Category.MODEL_CONFIG, Category.STATISTICS, Category.INFERENCE, Category.LOGGING);
    /** No script but the page's own files, nothing from elsewhere, and nobody may frame the page. */
    private static final Map<HeaderName, String> HEADERS = Map.of(
            HeaderNames.create("Content-Security-Policy"),
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
                    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                    + "require-trusted-types-for 'script'; trusted-types 'none'",
            HeaderNames.create("X-Content-Type-Options"), "nosniff",
            HeaderNames.create("X-Frame-Options"), "DENY",
            HeaderNames.create("Referrer-Policy"), "no-referrer",
            HeaderNames.create("Cross-Origin-Resource-Policy"), "same-origin",
            HeaderNames.create("Cross-Origin-Opener-Policy"), "same-origin");

    private final HttpFrontEnd protocol;
    private final ConsoleData data;
    private final boolean mayWrite;
    private final HeapBudget heap;
    private final HostRule hosts;
    private final PageFiles files = PageFiles.read();
    private final Feed feed;
    private final ClientConnections connections;
    private @Nullable Listener listener;

    private ConsoleEndpoint(HttpFrontEnd protocol, ConsoleData data, ConsoleOptions options, Optional<ServerTls> tls,
            HeapBudget heap) {
        this.protocol = protocol;
        this.data = data;
        this.mayWrite = options.mayWrite();
        this.heap = heap;
        this.hosts = new HostRule(options);
        this.feed = new Feed(data::sample, INTERVAL);
        this.connections = ClientConnections.start("console", heap, tls, Optional.empty(), this::open);
    }

    /**
     * Opens the port.
     *
     * @param protocol answers the protocol's requests; to be closed by who has created it
     * @param data what is shown
     * @param tls key and certificates; empty for plain text. To be closed by who has created them
     * @param heap bounds what requests take from the heap
     * @throws IOException when it can't be opened
     */
    public static ConsoleEndpoint start(HttpFrontEnd protocol, ConsoleData data, ConsoleOptions options,
            Optional<ServerTls> tls, HeapBudget heap) throws IOException {
        ConsoleEndpoint endpoint = new ConsoleEndpoint(protocol, data, options, tls, heap);
        try {
            endpoint.listener = Listener.open("console", options.address(), options.port(), false,
                    new ConnectionSlots(MAX_CONNECTIONS), endpoint.connections);
            return endpoint;
        } catch (IOException | RuntimeException e) {
            endpoint.connections.close();
            throw e;
        }
    }

    /** Returns the port that is listened on. */
    public int port() {
        Listener opened = listener;
        return opened == null ? -1 : opened.port();
    }

    private Handler open(Client client) {
        Routes routes = new Routes();
        return (request, response) -> handle(new Exchange(client, routes, request, response, heap));
    }

    private void handle(Exchange exchange) {
        Optional<String> refusal = hosts.refusal(exchange.header(HeaderNames.HOST),
                exchange.header(HeaderNames.ORIGIN), exchange.header(SITE), exchange.header(MODE));
        if (refusal.isEmpty() && exchange.path().startsWith("/v2")) {
            passOn(exchange);
            return;
        }
        try {
            if (refusal.isPresent()) {
                exchange.sendError(403, refusal.get(), Exchange.JSON);
            } else {
                answer(exchange);
            }
        } catch (InferenceException e) {
            exchange.sendError(e);
        } finally {
            exchange.release();
        }
        exchange.finish();
    }

    private void passOn(Exchange exchange) {
        Optional<Endpoint> endpoint;
        try {
            endpoint = exchange.route().map(Route::endpoint);
        } catch (InferenceException e) {
            // The protocol tells what is wrong with the path.
            endpoint = Optional.empty();
        }
        if (endpoint.isPresent() && !isOffered(endpoint.get(), exchange.method())) {
            exchange.sendError(403, WRITING.contains(endpoint.get())
                    ? "this console may only look; --console-write lets it load and unload models and change log settings"
                    : "not offered on the console's port", Exchange.JSON);
            exchange.finish();
            return;
        }
        protocol.handle(exchange);
    }

    private boolean isOffered(Endpoint endpoint, String method) {
        return READING.contains(endpoint) || (WRITING.contains(endpoint) && mayWrite)
                || (endpoint == Endpoint.LOG_SETTING && method.equals("GET"));
    }

    private void answer(Exchange exchange) {
        String path = exchange.path();
        Optional<PageFile> file = files.find(path);
        boolean isKnown = file.isPresent() || path.equals("/events") || path.equals("/history");
        if (!isKnown) {
            exchange.sendError(404, "Not Found", Exchange.JSON);
        } else if (!exchange.method().equals("GET") && !exchange.method().equals("HEAD")) {
            exchange.sendWrongMethod("GET, HEAD", Exchange.JSON);
        } else if (file.isPresent()) {
            send(exchange, file.get());
        } else if (path.equals("/events")) {
            if (exchange.method().equals("GET")) {
                sendEvents(exchange);
            } else {
                exchange.sendEmpty(200, EventStream.CONTENT_TYPE);
            }
        } else {
            sendHistory(exchange);
        }
    }

    private static void send(Exchange exchange, PageFile file) {
        HEADERS.forEach((name, value) -> exchange.response().headers().set(name, value));
        exchange.response().headers().set(HeaderNames.ETAG, file.tag());
        exchange.response().headers().set(HeaderNames.CACHE_CONTROL, "no-cache");
        if (exchange.header(HeaderNames.IF_NONE_MATCH).filter(file.tag()::equals).isPresent()) {
            exchange.sendEmpty(304, file.type());
        } else {
            exchange.send(200, file.type(), file.bytes(), file.bytes().length);
        }
    }

    private void sendHistory(Exchange exchange) {
        if (protocol.refuses(exchange, Category.STATISTICS)) {
            return;
        }
        Map<String, String> query = query(exchange.request().prologue().query().rawValue());
        byte[] json = data.history(query.getOrDefault("model", ""), query.getOrDefault("version", ""));
        exchange.response().headers().set(HeaderNames.CACHE_CONTROL, "no-store");
        exchange.send(200, Exchange.JSON, json, json.length);
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> parameters = new TreeMap<>();
        for (String pair : raw.split("&", -1)) {
            int equals = pair.indexOf('=');
            if (equals > 0) {
                parameters.put(pair.substring(0, equals), EscapedText.decode(pair.substring(equals + 1)));
            }
        }
        return parameters;
    }

    /** Sends what changes, for as long as somebody looks; of each category only to who may see it. */
    private void sendEvents(Exchange exchange) {
        Set<Category> hidden = EnumSet.noneOf(Category.class);
        JsonWriter access = new JsonWriter().beginObject().name("hidden").beginArray();
        for (Category category : SHOWN) {
            protocol.missing(exchange, category).ifPresent(header -> {
                hidden.add(category);
                access.beginObject().name("category").string(category.flagName()).name("header")
                        .string(header).endObject();
            });
        }
        byte[] first = access.endArray().endObject().toByteArray();
        try (Feed.Viewer viewer = feed.join()) {
            EventStream stream = new EventStream(exchange);
            stream.add("access", first);
            stream.flush(200);
            Optional<List<Feed.Part>> next = viewer.next();
            while (next.isPresent()) {
                next.get().stream().filter(part -> !hidden.contains(part.category()))
                        .forEach(part -> stream.add(part.name(), part.json()));
                if (stream.waiting() == 0) {
                    // A viewer who may see nothing new would never be noticed to have gone.
                    stream.addComment();
                }
                stream.flush(200);
                next = viewer.next();
            }
            stream.end();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** Ends what viewers see and closes the port. */
    @Override
    public void close() {
        close(Deadline.in(Duration.ZERO));
    }

    /** Ends what viewers see and closes the port, finishing running requests up to the deadline. */
    public void close(Deadline deadline) {
        feed.close();
        Listener opened = listener;
        if (opened != null) {
            opened.close();
        }
        connections.drain(deadline);
        connections.close();
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.InferenceClient;
import dev.nereid.engine.model.PendingInference;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.http.ResponseQueue.Answer;
import dev.nereid.server.http.ResponseQueue.End;
import dev.nereid.server.http.ResponseQueue.Event;
import dev.nereid.server.protocol.DecodeContext;
import dev.nereid.server.protocol.GenerateCodec;
import dev.nereid.server.v2.SharedMemoryRegions;
import io.helidon.http.HeaderNames;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The generate extension (v2-http, 6): one request in plain JSON, answered with one response, or with any number of them as
 * server-sent events.
 *
 * <p>The answers of a decoupled model come from any thread and are written by the connection's own; a client that leaves
 * cancels its request, whose memory stays until its end.
 */
final class GenerateHandler {
    private static final String NOT_ONE = "generate expects model to produce exactly 1 response, use generate stream for "
            + "model that generates various number of responses";
    /** Events that are there leave together up to this size. */
    private static final int PIECE = 32 * 1024;

    private final Engine engine;
    private final Tracer tracer;
    private final long maxInputSize;

    GenerateHandler(HttpFrontEnd.Services services, long maxInputSize) {
        this.engine = services.engine();
        this.tracer = services.tracer();
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange, String model, OptionalLong version, boolean isStream) {
        exchange.reportLoad(engine, engine.lookup(model, version));
        String coding = exchange.header(HeaderNames.CONTENT_ENCODING).orElse("");
        if (!coding.isEmpty() && !coding.equals("identity")) {
            throw InferenceException.invalid("Unsupported content-encoding, only 'identity' is supported.");
        }
        RequestTrace trace = tracer.begin(model, exchange::traceHeader);
        try {
            handle(exchange, model, version, isStream, trace);
        } finally {
            tracer.finish(trace);
        }
    }

    private void handle(Exchange exchange, String model, OptionalLong version, boolean isStream, RequestTrace trace) {
        trace.mark(TracePoint.HTTP_RECV_START);
        byte[] body = exchange.readJson(maxInputSize);
        trace.mark(TracePoint.HTTP_RECV_END);
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            scope.reserve(body.length);
            JsonWriter json = new JsonWriter(scope::reserve);
            InferenceClient client = new WaitingClient(exchange.client(), trace, scope);
            // The version that the request is read by is the one that executes it.
            Taken taken = engine.onReadyVersion(model, version, served -> served.config().isDecoupled()
                    ? submit(served, body, scope, trace)
                    : begin(served, body, scope, client));
            switch (taken) {
                case Opened opened -> answer(exchange, opened, isStream, json, trace);
                case Begun begun -> answer(exchange, begun, isStream, json, trace);
            }
        }
    }

    private static void answer(Exchange exchange, Begun begun, boolean isStream, JsonWriter json, RequestTrace trace) {
        int status = 200;
        try (Response response = begun.pending().await()) {
            ServedVersion version = begun.pending().version();
            begun.codec().encode(json, version.name(), version.versionText(), begun.id(), response.parameters(),
                    response.outputs());
        } catch (InferenceException e) {
            if (!isStream) {
                throw e;
            }
            // An error in place of the first response still is an event, with the status of the error.
            status = HttpStatus.of(e.code());
            exchange.failed(e);
            json.reset().error(e.getMessage());
        }
        trace.mark(TracePoint.HTTP_SEND_START);
        if (isStream) {
            sendEvent(exchange, status, json);
        } else {
            exchange.sendJson(json);
        }
        trace.mark(TracePoint.HTTP_SEND_END);
    }

    private static void sendEvent(Exchange exchange, int status, JsonWriter json) {
        EventStream events = new EventStream(exchange);
        events.add(json);
        events.flush(status);
        events.end();
    }

    /** A request that a model has taken. */
    private sealed interface Taken {
    }

    /**
     * A request that a model has taken which answers once.
     *
     * @param pending its answer
     * @param codec writes that
     * @param id the client's
     */
    private record Begun(PendingInference pending, GenerateCodec codec, String id) implements Taken {
    }

    /**
     * A request that a decoupled model has taken.
     *
     * @param version takes it
     * @param codec writes its responses
     * @param id the client's
     * @param responses gets its answers
     * @param ticket can cancel it
     */
    private record Opened(ServedVersion version, GenerateCodec codec, String id, ResponseQueue responses,
            Ticket ticket) implements Taken {
        /** Writes a response, and closes it. */
        void encode(JsonWriter json, Response response) {
            try (response) {
                codec.encode(json.reset(), version.name(), version.versionText(), id, response.parameters(),
                        response.outputs());
            }
        }
    }

    private Opened submit(ServedVersion served, byte[] body, BufferScope scope, RequestTrace trace) {
        GenerateCodec codec = new GenerateCodec(served.config());
        RequestData request = decode(served, codec, body, scope);
        ResponseQueue responses = new ResponseQueue();
        return new Opened(served, codec, request.id(), responses,
                engine.submit(served, request, scope, responses, trace));
    }

    private static void answer(Exchange exchange, Opened opened, boolean isStream, JsonWriter json,
            RequestTrace trace) {
        exchange.client().waits(opened.ticket()::cancel);
        try {
            if (isStream) {
                stream(exchange, opened, json, trace);
            } else {
                one(exchange, opened, json, trace);
            }
        } finally {
            exchange.client().answered();
            if (!opened.responses().hasEnded()) {
                // The client has gone, or can't be told the rest. What the model reads stays until it is done.
                opened.ticket().cancel();
                opened.responses().awaitEnd();
            }
        }
    }

    private static void stream(Exchange exchange, Opened opened, JsonWriter json, RequestTrace trace) {
        EventStream events = new EventStream(exchange);
        int status = 200;
        while (!opened.responses().hasEnded()) {
            Event next = opened.responses().take();
            do {
                InferenceException error = event(next, opened, json);
                if (error != null) {
                    exchange.failed(error);
                }
                if (error != null && !events.isBegun() && events.waiting() == 0) {
                    status = HttpStatus.of(error.code());
                }
                if (json.size() > 0) {
                    events.add(json);
                }
                next = opened.responses().hasEnded() || events.waiting() > PIECE ? null : opened.responses().poll();
            } while (next != null);
            if (events.waiting() > 0) {
                if (!events.isBegun()) {
                    trace.mark(TracePoint.HTTP_SEND_START);
                }
                events.flush(status);
            }
        }
        events.end();
        trace.mark(TracePoint.HTTP_SEND_END);
    }

    /** Writes what an event shows, which may be nothing. Returns the error that it is. */
    private static @Nullable InferenceException event(Event event, Opened opened, JsonWriter json) {
        json.reset();
        InferenceException error = switch (event) {
            case Answer answer -> encoded(answer.response(), opened, json);
            case End end -> end.error();
        };
        if (error != null) {
            json.reset().error(error.getMessage());
        }
        return error;
    }

    /** Writes a response. Returns why it can't be written. */
    private static @Nullable InferenceException encoded(Response response, Opened opened, JsonWriter json) {
        try {
            opened.encode(json, response);
            return null;
        } catch (InferenceException e) {
            return e;
        }
    }

    private static void one(Exchange exchange, Opened opened, JsonWriter json, RequestTrace trace) {
        int count = 0;
        InferenceException error = null;
        while (!opened.responses().hasEnded()) {
            switch (opened.responses().take()) {
                case Answer answer -> {
                    if (count == 0) {
                        opened.encode(json, answer.response());
                    } else {
                        answer.response().close();
                    }
                    count++;
                }
                case End end -> error = end.error();
            }
        }
        if (error != null && count == 0) {
            throw error;
        }
        trace.mark(TracePoint.HTTP_SEND_START);
        exchange.sendJson(count == 1 && error == null ? json : json.reset().error(NOT_ONE));
        trace.mark(TracePoint.HTTP_SEND_END);
    }

    private Begun begin(ServedVersion served, byte[] body, BufferScope scope, InferenceClient client) {
        GenerateCodec codec = new GenerateCodec(served.config());
        RequestData request = decode(served, codec, body, scope);
        return new Begun(engine.begin(served, request, scope, client), codec, request.id());
    }

    private RequestData decode(ServedVersion served, GenerateCodec codec, byte[] body, BufferScope scope) {
        return codec.decode(new JsonDocument(scope::reserve), body, 0, body.length,
                new DecodeContext(served.name(), maxInputSize, scope, SharedMemoryRegions.NONE));
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.InferenceResult;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.protocol.DecodeContext;
import dev.nereid.server.protocol.GenerateCodec;
import dev.nereid.server.protocol.SharedMemoryRegions;
import io.helidon.http.HeaderNames;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/** The generate extension (v2-http, 6): one request, one response, in plain JSON or as a server-sent event. */
final class GenerateHandler {
    private static final String EVENTS = "text/event-stream; charset=utf-8";

    private final Engine engine;
    private final Tracer tracer;
    private final long maxInputSize;

    GenerateHandler(HttpFrontEnd.Services services, long maxInputSize) {
        this.engine = services.engine();
        this.tracer = services.tracer();
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange, String model, OptionalLong version, boolean isStream) {
        ServedVersion served = engine.lookup(model, version);
        if (served.config().isDecoupled()) {
            throw InferenceException.unsupported("decoupled models are not offered yet");
        }
        String coding = exchange.header(HeaderNames.CONTENT_ENCODING).orElse("");
        if (!coding.isEmpty() && !coding.equals("identity")) {
            throw InferenceException.invalid("Unsupported content-encoding, only 'identity' is supported.");
        }
        RequestTrace trace = tracer.begin(model);
        try {
            handle(exchange, served, version, isStream, trace);
        } finally {
            tracer.finish(trace);
        }
    }

    private void handle(Exchange exchange, ServedVersion served, OptionalLong version, boolean isStream,
            RequestTrace trace) {
        String model = served.name();
        trace.mark(TracePoint.HTTP_RECV_START);
        GenerateCodec codec = new GenerateCodec(served.config());
        byte[] body = exchange.readJson(maxInputSize);
        trace.mark(TracePoint.HTTP_RECV_END);
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            scope.reserve(body.length);
            RequestData request = codec.decode(new JsonDocument(), body, 0, body.length,
                    new DecodeContext(model, maxInputSize, scope, SharedMemoryRegions.NONE));
            JsonWriter json = new JsonWriter();
            int status = 200;
            try {
                Engine.Served answer = engine.infer(model, version, request, scope,
                        new WaitingClient(exchange.connection(), trace));
                try (InferenceResult result = answer.result()) {
                    codec.encode(json, answer.version().name(), answer.version().versionText(), request.id(),
                            result.parameters(), result.outputs());
                }
            } catch (InferenceException e) {
                if (!isStream) {
                    throw e;
                }
                // An error in place of the first response still is an event, with the status of the error.
                status = e.code().httpStatus();
                json.reset().error(e.getMessage());
            }
            trace.mark(TracePoint.HTTP_SEND_START);
            if (isStream) {
                String event = "data: " + new String(json.buffer(), 0, json.size(), StandardCharsets.UTF_8) + "\n\n";
                byte[] bytes = event.getBytes(StandardCharsets.UTF_8);
                exchange.send(status, EVENTS, bytes, bytes.length);
            } else {
                exchange.sendJson(json);
            }
            trace.mark(TracePoint.HTTP_SEND_END);
        }
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.Response;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.InferenceClient;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.protocol.DecodeContext;
import dev.nereid.server.protocol.GenerateCodec;
import dev.nereid.server.v2.SharedMemoryRegions;
import io.helidon.http.HeaderNames;
import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;

/** The generate extension (v2-http, 6): one request, one response, in plain JSON or as a server-sent event. */
final class GenerateHandler {
    private static final String EVENTS = "text/event-stream; charset=utf-8";

    private final Engine engine;
    private final Tracer tracer;
    private final long maxInputSize;

    /** Notes whether a request was good enough to be queued. */
    private static final class Submission implements InferenceClient {
        private final InferenceClient client;
        private boolean isMade;

        Submission(InferenceClient client) {
            this.client = client;
        }

        @Override
        public void waits(Ticket ticket) {
            isMade = true;
            client.waits(ticket);
        }

        @Override
        public void answered() {
            client.answered();
        }

        @Override
        public RequestTrace trace() {
            return client.trace();
        }
    }

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
            int status = 200;
            Submission submission = new Submission(new WaitingClient(exchange.client(), trace));
            try {
                // The version that the request is read by is the one that executes it.
                boolean ignored = engine.onVersion(model, version,
                        served -> infer(served, body, scope, submission, json));
            } catch (InferenceException e) {
                if (!isStream || !submission.isMade) {
                    throw e;
                }
                // An error in place of the first response still is an event, with the status of the error.
                status = HttpStatus.of(e.code());
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

    private boolean infer(ServedVersion served, byte[] body, BufferScope scope, Submission submission,
            JsonWriter json) {
        GenerateCodec codec = new GenerateCodec(served.config());
        RequestData request = codec.decode(new JsonDocument(scope::reserve), body, 0, body.length,
                new DecodeContext(served.name(), maxInputSize, scope, SharedMemoryRegions.NONE));
        try (Response response = engine.infer(served, request, scope, submission)) {
            codec.encode(json.reset(), served.name(), served.versionText(), request.id(), response.parameters(),
                    response.outputs());
        }
        return true;
    }
}

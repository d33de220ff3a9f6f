package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.Response;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.PendingInference;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.protocol.DecodeContext;
import dev.nereid.server.protocol.DecodedRequest;
import dev.nereid.server.protocol.EncodedResponse;
import dev.nereid.server.protocol.InferRequestDecoder;
import dev.nereid.server.protocol.InferResponseEncoder;
import dev.nereid.server.v2.HeaderForwarding;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** {@code POST /v2/models/<model>/infer} (v2-http, 5). */
final class InferHandler {
    /** Up to this size head and tensors go out in one write. */
    private static final int ONE_WRITE = 256 * 1024;
    private static final int WRITE_SIZE = 256 * 1024;
    private static final int SMALL_TEXT = 64 * 1024;
    private static final int MAX_FREE = 256;

    private final Engine engine;
    private final Tracer tracer;
    private final ClientSharedMemory regions;
    private final long maxInputSize;
    private final InferBodyReader bodies;
    private final HeaderForwarding forwarding;
    private final Codecs codecs = new Codecs();

    /** What one request at a time uses to decode and encode; kept for the next. */
    private static final class Codec {
        private final long maxInputSize;
        private final BufferScope scope;
        private final ClientSharedMemory.Lease lease;
        private DecodeContext context;
        private final InferRequestDecoder decoder;
        private final JsonWriter writer;
        private boolean isLarge;
        /** Takes a small body, and later the answer. */
        private final byte[] small = new byte[InferBodyReader.SMALL];
        private final SmallAnswer answer = new SmallAnswer(small);

        Codec(BufferPool buffers, ClientSharedMemory regions, String model, long maxInputSize) {
            this.maxInputSize = maxInputSize;
            scope = new BufferScope(buffers);
            decoder = new InferRequestDecoder(this::grow);
            writer = new JsonWriter(this::grow);
            lease = regions.lease();
            context = new DecodeContext(model, maxInputSize, scope, lease::resolve);
        }

        /** Counts what texts take from the heap. Those of most requests are short and take what the last ones left. */
        private void grow(long bytes) {
            if (bytes > SMALL_TEXT) {
                isLarge = true;
                scope.reserve(bytes);
            }
        }

        DecodeContext context(String model) {
            if (!context.modelName().equals(model)) {
                context = new DecodeContext(model, maxInputSize, scope, lease::resolve);
            }
            return context;
        }
    }

    /**
     * Those that no request uses, of which a few are kept, and none that a large request has left large: the last one used
     * is the one whose memory is still in the caches. Threads: any.
     */
    private static final class Codecs {
        private final ArrayDeque<Codec> free = new ArrayDeque<>();

        synchronized @Nullable Codec pop() {
            return free.pollFirst();
        }

        synchronized void push(Codec codec) {
            if (!codec.isLarge && free.size() < MAX_FREE) {
                free.addFirst(codec);
            }
        }
    }

    InferHandler(HttpFrontEnd.Services services, long maxInputSize, HeaderForwarding forwarding) {
        this.engine = services.engine();
        this.tracer = services.tracer();
        this.regions = services.v2().sharedMemory().regions();
        this.maxInputSize = maxInputSize;
        this.bodies = new InferBodyReader(engine.buffers(), maxInputSize);
        this.forwarding = forwarding;
    }

    void handle(Exchange exchange, String model, OptionalLong version) {
        exchange.errorsAs(Exchange.TEXT);
        ServedVersion served = engine.lookupForRequest(model, version);
        exchange.reportLoad(engine, served);
        if (served.config().isDecoupled()) {
            throw InferenceException
                    .unsupported("HTTP end point doesn't support models with decoupled transaction policy");
        }
        RequestTrace trace = tracer.begin(model, exchange::traceHeader);
        Codec codec = codecs.pop();
        if (codec == null) {
            codec = new Codec(engine.buffers(), regions, model, maxInputSize);
        }
        try {
            handle(exchange, model, version, codec, trace);
        } finally {
            codecs.push(codec);
            tracer.finish(trace);
        }
    }

    private void handle(Exchange exchange, String model, OptionalLong version, Codec codec, RequestTrace trace) {
        trace.mark(TracePoint.HTTP_RECV_START);
        try (BufferScope scope = codec.scope;
                ClientSharedMemory.Lease lease = codec.lease) {
            InferBodyReader.Body body = read(exchange, scope, codec.small);
            trace.mark(TracePoint.HTTP_RECV_END);
            exchange.errorsAs(Exchange.JSON);
            DecodedRequest decoded = decode(codec, body, model);
            RequestData request = decoded.request();
            if (forwarding.isEnabled()) {
                request = request.withParameters(forwarded(exchange));
            }
            RequestData checkable = request;
            PendingInference pending = engine.onVersion(model, version, served -> engine.begin(served, checkable, scope,
                    new WaitingClient(exchange.client(), trace, scope)));
            try (Response result = pending.await()) {
                // Outputs that can't be written are told as plain text, as by the reference.
                exchange.errorsAs(Exchange.TEXT);
                ServedVersion by = pending.version();
                JsonWriter writer = codec.writer.reset();
                EncodedResponse encoded = new InferResponseEncoder(by.name(), by.versionText(),
                        by.config().isBatching(), by::labels, scope::reserve).encode(writer, request.id(),
                                result.parameters(),
                                result.outputs(), decoded.outputs());
                // A client that has its answer may register the region anew at once.
                lease.end();
                trace.mark(TracePoint.HTTP_SEND_START);
                send(exchange, codec, encoded);
                trace.mark(TracePoint.HTTP_SEND_END);
            }
        }
    }

    private Map<String, Parameter> forwarded(Exchange exchange) {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        exchange.request().headers()
                .forEach(header -> forwarding.forward(header.name(), header.get(), parameters));
        return parameters;
    }

    private InferBodyReader.Body read(Exchange exchange, BufferScope scope, byte[] smallBody) {
        try {
            return bodies.read(exchange, scope, smallBody);
        } catch (InferenceException e) {
            if (e.code() == StatusCode.UNSUPPORTED) {
                exchange.response().headers().set(HeaderNames.ACCEPT_ENCODING, "gzip, deflate");
            }
            throw e;
        }
    }

    private DecodedRequest decode(Codec codec, InferBodyReader.Body body, String model) {
        return body.isRaw()
                ? InferRequestDecoder.decodeRaw(body.binary(), maxInputSize)
                : codec.decoder.decode(body.json(), 0, body.jsonLength(), body.binary(),
                        codec.context(model));
    }

    private void send(Exchange exchange, Codec codec, EncodedResponse encoded) {
        JsonWriter writer = codec.writer;
        byte[] json = writer.buffer();
        long total = encoded.contentLength();
        ContentCoding coding = ContentCoding.ofResponse(exchange.header(HeaderNames.ACCEPT_ENCODING));
        if (coding == ContentCoding.IDENTITY && codec.answer.fits(total) && exchange.maySendDirectly()) {
            exchange.sendDirectly(codec.small, codec.answer.write(json, encoded));
            return;
        }
        if (encoded.hasBinary()) {
            exchange.response().headers().set(
                    HeaderValues.create(InferBodyReader.HEADER_LENGTH, Integer.toString(encoded.jsonLength())));
        }
        if (coding != ContentCoding.IDENTITY) {
            sendCoded(exchange, codec, encoded, coding);
        } else if (!encoded.hasBinary()) {
            exchange.send(200, encoded.contentType(), json, encoded.jsonLength());
        } else if (total <= ONE_WRITE) {
            encoded.binary().forEach(writer::append);
            exchange.send(200, encoded.contentType(), writer.buffer(), writer.size());
        } else {
            codec.scope.reserve(WRITE_SIZE);
            exchange.stream(encoded.contentType(), total, out -> write(out, json, encoded));
        }
    }

    /** Sends an answer compressed. Its length is told ahead, so it is collected, off-heap. */
    private void sendCoded(Exchange exchange, Codec codec, EncodedResponse encoded, ContentCoding coding) {
        codec.scope.reserve(2L * WRITE_SIZE);
        try (GrowingBuffer bytes = new GrowingBuffer(engine.buffers())) {
            try (OutputStream out = coding.encode(bytes.stream())) {
                write(out, codec.writer.buffer(), encoded);
            }
            exchange.response().headers().set(HeaderNames.CONTENT_ENCODING, coding.headerValue());
            exchange.stream(encoded.contentType(), bytes.size(), out -> bytes.writeTo(out, WRITE_SIZE));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(OutputStream out, byte[] json, EncodedResponse encoded) throws IOException {
        out.write(json, 0, encoded.jsonLength());
        byte[] part = new byte[(int) Math.min(WRITE_SIZE, Math.max(1, encoded.binaryLength()))];
        for (MemorySegment tensor : encoded.binary()) {
            for (long offset = 0; offset < tensor.byteSize(); offset += part.length) {
                int size = (int) Math.min(part.length, tensor.byteSize() - offset);
                MemorySegment.copy(tensor, ValueLayout.JAVA_BYTE, offset, part, 0, size);
                out.write(part, 0, size);
            }
        }
    }
}

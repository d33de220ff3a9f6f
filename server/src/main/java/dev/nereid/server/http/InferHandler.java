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
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** {@code POST /v2/models/<model>/infer} (v2-http, 5). */
final class InferHandler {
    /** Up to this size an answer that Helidon sends goes out in one write. */
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
    private final WindowPool windows = new WindowPool();

    /** What one request at a time uses to decode and encode; kept for the next. */
    private static final class Codec implements InferBodyReader.JsonMemory {
        private final long maxInputSize;
        private final BufferScope scope;
        private final WindowPool windows;
        private byte @Nullable [] window;
        private final BufferScope jsonScope;
        private final BufferScope answerScope;
        /** The JSON of an answer but for its end, where it is large. */
        private final List<MemorySegment> answerParts = new ArrayList<>();
        private final ClientSharedMemory.Lease lease;
        private DecodeContext context;
        private final InferRequestDecoder decoder;
        private final JsonWriter writer;
        private boolean isLarge;
        /** Takes a small body, and later the answer. */
        private final byte[] small = new byte[InferBodyReader.SMALL];
        private final SmallAnswer answer = new SmallAnswer(small);

        Codec(BufferPool buffers, WindowPool windows, ClientSharedMemory regions, String model, long maxInputSize) {
            this.windows = windows;
            this.maxInputSize = maxInputSize;
            scope = new BufferScope(buffers);
            jsonScope = new BufferScope(buffers);
            answerScope = new BufferScope(buffers);
            decoder = new InferRequestDecoder(this::grow);
            writer = new JsonWriter(this::grow, SMALL_TEXT, this::moveOffHeap);
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

        private void moveOffHeap(byte[] bytes, int length) {
            MemorySegment part = answerScope.allocate(length, 1);
            MemorySegment.copy(bytes, 0, part, ValueLayout.JAVA_BYTE, 0, length);
            answerParts.add(part);
        }

        @Override
        public byte[] onHeap(int length) {
            if (length <= small.length) {
                return small;
            }
            byte[] taken = windows.take();
            window = taken;
            return taken;
        }

        @Override
        public BufferScope offHeap() {
            return jsonScope;
        }

        /** Lets go of the memory for the JSON of a request. */
        void endJson() {
            byte[] taken = window;
            if (taken != null) {
                window = null;
                windows.giveBack(taken);
                jsonScope.close();
            }
        }

        /** Returns the body of an answer off-heap. */
        List<MemorySegment> answerOffHeap(EncodedResponse encoded) {
            moveOffHeap(writer.buffer(), writer.rest());
            List<MemorySegment> parts = new ArrayList<>(answerParts);
            parts.addAll(encoded.binary());
            return parts;
        }

        /** Forgets the request and the answer. */
        void end() {
            endJson();
            answerParts.clear();
            answerScope.close();
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
            codec = new Codec(engine.buffers(), windows, regions, model, maxInputSize);
        }
        try {
            handle(exchange, model, version, codec, trace);
        } finally {
            codec.end();
            codecs.push(codec);
            tracer.finish(trace);
        }
    }

    private void handle(Exchange exchange, String model, OptionalLong version, Codec codec, RequestTrace trace) {
        trace.mark(TracePoint.HTTP_RECV_START);
        try (BufferScope scope = codec.scope;
                ClientSharedMemory.Lease lease = codec.lease) {
            InferBodyReader.Body body = read(exchange, codec);
            trace.mark(TracePoint.HTTP_RECV_END);
            exchange.errorsAs(Exchange.JSON);
            DecodedRequest decoded = decode(codec, body, model);
            codec.endJson();
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

    private InferBodyReader.Body read(Exchange exchange, Codec codec) {
        try {
            return bodies.read(exchange, codec.scope, codec);
        } catch (InferenceException e) {
            if (e.code() == StatusCode.UNSUPPORTED) {
                exchange.response().headers().set(HeaderNames.ACCEPT_ENCODING, "gzip, deflate");
            }
            throw e;
        }
    }

    private DecodedRequest decode(Codec codec, InferBodyReader.Body body, String model) {
        if (body.isRaw()) {
            return InferRequestDecoder.decodeRaw(body.binary(), maxInputSize);
        }
        return body.isJsonOffHeap()
                ? codec.decoder.decode(body.longJson(), body.json(), body.binary(), codec.context(model))
                : codec.decoder.decode(body.json(), 0, body.jsonLength(), body.binary(), codec.context(model));
    }

    private void send(Exchange exchange, Codec codec, EncodedResponse encoded) {
        ContentCoding coding = ContentCoding.ofResponse(exchange.header(HeaderNames.ACCEPT_ENCODING));
        if (coding == ContentCoding.IDENTITY && exchange.maySendDirectly()) {
            sendDirectly(exchange, codec, encoded);
            return;
        }
        if (encoded.hasBinary()) {
            exchange.response().headers().set(
                    HeaderValues.create(InferBodyReader.HEADER_LENGTH, Integer.toString(encoded.jsonLength())));
        }
        List<MemorySegment> body = codec.answerOffHeap(encoded);
        long total = encoded.contentLength();
        if (coding != ContentCoding.IDENTITY) {
            sendCoded(exchange, codec, encoded.contentType(), body, coding);
        } else if (total <= ONE_WRITE) {
            codec.scope.reserve(total);
            byte[] whole = new byte[(int) total];
            MemorySegment target = MemorySegment.ofArray(whole);
            long offset = 0;
            for (MemorySegment part : body) {
                MemorySegment.copy(part, 0, target, offset, part.byteSize());
                offset += part.byteSize();
            }
            exchange.send(200, encoded.contentType(), whole, whole.length);
        } else {
            codec.scope.reserve(WRITE_SIZE);
            exchange.stream(encoded.contentType(), total, out -> write(out, body));
        }
    }

    /** Sends an answer without Helidon: a large one from off-heap memory, its tensors from where they are. */
    private static void sendDirectly(Exchange exchange, Codec codec, EncodedResponse encoded) {
        SmallAnswer answer = codec.answer;
        byte[] json = codec.writer.buffer();
        if (answer.fits(encoded.contentLength())) {
            exchange.sendDirectly(codec.small, answer.write(json, encoded));
        } else if (answer.fits(encoded.jsonLength())) {
            exchange.sendDirectly(codec.small, answer.writeStart(json, encoded), encoded.binary());
        } else {
            exchange.sendDirectly(codec.small, answer.writeHead(encoded), codec.answerOffHeap(encoded));
        }
    }

    /** Sends an answer compressed. Its length is told ahead, so it is collected, off-heap. */
    private void sendCoded(Exchange exchange, Codec codec, String contentType, List<MemorySegment> body,
            ContentCoding coding) {
        codec.scope.reserve(2L * WRITE_SIZE);
        try (GrowingBuffer bytes = new GrowingBuffer(engine.buffers())) {
            try (OutputStream out = coding.encode(bytes.stream())) {
                write(out, body);
            }
            exchange.response().headers().set(HeaderNames.CONTENT_ENCODING, coding.headerValue());
            exchange.stream(contentType, bytes.size(), out -> bytes.writeTo(out, WRITE_SIZE));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(OutputStream out, List<MemorySegment> body) throws IOException {
        byte[] piece = new byte[WRITE_SIZE];
        for (MemorySegment part : body) {
            for (long offset = 0; offset < part.byteSize(); offset += piece.length) {
                int size = (int) Math.min(piece.length, part.byteSize() - offset);
                MemorySegment.copy(part, ValueLayout.JAVA_BYTE, offset, piece, 0, size);
                out.write(piece, 0, size);
            }
        }
    }
}

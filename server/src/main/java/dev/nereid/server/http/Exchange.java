package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.trace.RemoteSpan;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.listener.Client;
import dev.nereid.server.v2.LoadReport;
import io.helidon.common.buffers.DataReader;
import io.helidon.http.Header;
import io.helidon.http.HeaderName;
import io.helidon.http.HeaderNames;
import io.helidon.http.HeaderValues;
import io.helidon.http.Method;
import io.helidon.http.Status;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.io.ByteArrayOutputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** One request and its response, for the handlers. Used by the request's thread. */
final class Exchange {
    private static final HeaderName TRACE_PARENT = HeaderNames.create(RemoteSpan.PARENT);
    private static final HeaderName TRACE_STATE = HeaderNames.create(RemoteSpan.STATE);
    static final String JSON = "application/json";
    static final String TEXT = "text/plain";
    private static final String BINARY = "application/octet-stream";
    private static final HeaderName LOAD_REPORT = HeaderNames.create(LoadReport.ASKED_BY);
    private static final int READ_SIZE = 64 * 1024;
    private static final int FIRST_SIZE = 1024;
    private static final int PASSED_OVER = 8 * 1024;
    /** A {@code ByteBuffer} has less than 2 GiB. */
    private static final long MAX_BUFFER = 1L << 30;
    private static final int COPIES_OF_JSON = 3;
    /** Longer answers go out in pieces: Helidon copies those that it is given as a whole. */
    private static final int MAX_WHOLE = 256 * 1024;

    private final Client client;
    private final Routes routes;
    private final ServerRequest request;
    private final ServerResponse response;
    private String errorType = JSON;
    private boolean isBodyWanted;
    private boolean endsConnection;
    private boolean hasLeft;
    private boolean isBodyLeft;
    private long sentDirectly;
    private @Nullable InputStream opened;
    private @Nullable InferenceException failure;
    private Optional<Header> loadReport = Optional.empty();
    private final HeapBudget heap;
    private long reserved;

    Exchange(Client client, Routes routes, ServerRequest request, ServerResponse response, HeapBudget heap) {
        this.client = client;
        this.routes = routes;
        this.request = request;
        this.response = response;
        this.heap = heap;
    }

    /**
     * Counts bytes on the heap as in use for as long as the exchange lasts.
     *
     * @throws InferenceException UNAVAILABLE when there would be too many
     */
    void reserve(long bytes) {
        heap.reserve(bytes);
        reserved += bytes;
    }

    /** Ends all that was {@link #reserve reserved}. */
    void release() {
        heap.release(reserved);
        reserved = 0;
    }

    Optional<Route> route() {
        return routes.route(path());
    }

    /** Returns the path as it was sent, without the server's name that a request to a proxy has. */
    String path() {
        String path = request.prologue().uriPath().rawPath();
        if (path.startsWith("/")) {
            return path;
        }
        int scheme = path.indexOf("://");
        if (scheme < 0) {
            return path;
        }
        int start = path.indexOf('/', scheme + 3);
        return start < 0 ? "/" : path.substring(start);
    }

    String method() {
        return request.prologue().method().text();
    }

    ServerRequest request() {
        return request;
    }

    ServerResponse response() {
        return response;
    }

    /** Returns the header of that name, one of those that name a span of the client's. */
    Optional<String> traceHeader(String name) {
        return header(name.equals(RemoteSpan.PARENT) ? TRACE_PARENT : TRACE_STATE);
    }

    Optional<String> header(HeaderName name) {
        return request.headers().contains(name) ? Optional.of(request.headers().get(name).get()) : Optional.empty();
    }

    /** Notes that the request failed in a way that its answer tells as one of several. */
    void failed(InferenceException error) {
        failure = error;
    }

    /** Returns what {@link #failed} noted. */
    Optional<InferenceException> failure() {
        return Optional.ofNullable(failure);
    }

    /** Tells the load of the version that the request is for, whatever becomes of it, where the request asks for that. */
    void reportLoad(Engine engine, ServedVersion version) {
        Optional<LoadReport.Format> format = LoadReport.Format.of(header(LOAD_REPORT));
        if (format.isPresent()) {
            Header report = HeaderValues.create(HeaderNames.create(format.get().header()),
                    LoadReport.of(engine, version).text(format.get()));
            response.headers().set(report);
            loadReport = Optional.of(report);
        }
    }

    /** Returns what was told of the load. */
    Optional<Header> loadReport() {
        return loadReport;
    }

    /** Sets the content type of errors from here on. */
    void errorsAs(String contentType) {
        errorType = contentType;
    }

    /** Returns the client. */
    Client client() {
        return client;
    }

    InputStream body() {
        if (!request.content().hasEntity()) {
            return InputStream.nullInputStream();
        }
        isBodyWanted = true;
        return opened();
    }

    private InputStream opened() {
        InputStream before = opened;
        if (before != null) {
            return before;
        }
        InputStream in = request.content().inputStream();
        InputStream body = new Body(in, this);
        opened = body;
        return body;
    }

    /** Tells the connection how far a body was read. Closing does not read the rest, which may never come. */
    private static final class Body extends FilterInputStream {
        private final Exchange exchange;

        Body(InputStream in, Exchange exchange) {
            super(in);
            this.exchange = exchange;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            exchange.client.consumed();
            try {
                return in.read(target, offset, length);
            } catch (NumberFormatException | DataReader.IncorrectNewLineException e) {
                // What Helidon makes of a chunk's first line; where the next chunk starts is not known.
                exchange.abandonBody();
                throw new InferenceException(StatusCode.INVALID_ARG,
                        "chunk size is not a hexadecimal number; chunk extensions are not offered", e);
            }
        }

        @Override
        public void close() {
        }
    }

    /** Returns the length that the client announced; empty for chunked bodies; 0 for none. */
    OptionalLong announcedLength() {
        return request.content().hasEntity() ? request.headers().contentLength() : OptionalLong.of(0);
    }

    /**
     * Reads a body that is JSON only.
     *
     * @throws InferenceException INVALID_ARG when it is larger than {@code maxBytes}
     */
    byte[] readJson(long maxBytes) {
        OptionalLong announced = announcedLength();
        if (announced.isPresent() && announced.getAsLong() > maxBytes) {
            throw tooLarge(announced.getAsLong(), maxBytes);
        }
        int first = (int) announced.orElse(FIRST_SIZE);
        reserve(first + READ_SIZE);
        try (InputStream in = body()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(first);
            // What was read, its copy for the parser, the texts in it, and what they are decoded to.
            reserve((long) COPIES_OF_JSON * first);
            long counted = first;
            byte[] part = new byte[(int) Math.min(READ_SIZE, announced.orElse(READ_SIZE) + 1)];
            ChunkCount chunks = new ChunkCount(this, part.length);
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                if (announced.isEmpty()) {
                    chunks.read(n);
                }
                if (bytes.size() + n > counted) {
                    reserve(COPIES_OF_JSON * counted);
                    counted *= 2;
                }
                bytes.write(part, 0, n);
                if (bytes.size() > maxBytes) {
                    throw tooLarge(bytes.size(), maxBytes);
                }
            }
            return bytes.toByteArray();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Reads as much of the {@link #body} straight into memory. It is of an announced length, and read in this way only, up
     * to its {@link #readEnd end}.
     */
    void read(MemorySegment target) {
        for (long offset = 0; offset < target.byteSize(); offset += MAX_BUFFER) {
            ByteBuffer part = target.asSlice(offset, Math.min(MAX_BUFFER, target.byteSize() - offset)).asByteBuffer();
            while (part.hasRemaining()) {
                client.read(part);
            }
        }
    }

    /**
     * Lets Helidon see the end of a body that was read, for which it otherwise looks itself, with a buffer that it makes
     * for that.
     */
    void readEnd() throws IOException {
        InputStream in = opened();
        byte[] one = new byte[1];
        while (in.read(one, 0, one.length) >= 0) {
            // One byte stands for all that was read into memory.
        }
    }

    /** Ends the connection with the answer and leaves the rest of the body where it is. */
    void abandonBody() {
        isBodyLeft = true;
    }

    /** Decides, before an answer is sent, whether it is the last of its connection. */
    void beforeSend() {
        // A client that was not told to go on may send its body or not; what comes next can't be told apart.
        isBodyLeft |= !isBodyWanted && request.headers().contains(HeaderNames.EXPECT);
        endsConnection = isBodyLeft || (request.headers().contains(HeaderNames.CONNECTION)
                && request.headers().containsToken(HeaderValues.CONNECTION_CLOSE));
        endsConnection |= client.endsWithAnswer() || (isHttp10() && !asksToKeepConnection());
        if (endsConnection) {
            response.headers().set(HeaderValues.CONNECTION_CLOSE);
        } else if (isHttp10()) {
            response.headers().set(HeaderValues.CONNECTION_KEEP_ALIVE);
        }
    }

    private boolean isHttp10() {
        return client.isHttp10();
    }

    private boolean asksToKeepConnection() {
        return request.headers().contains(HeaderNames.CONNECTION)
                && request.headers().containsToken(HeaderValues.CONNECTION_KEEP_ALIVE);
    }

    /** Notes that a whole answer has left through the response's stream, which Helidon counts as sent only later. */
    private void streamed() {
        hasLeft = true;
    }

    /** Returns whether an answer has left. */
    boolean isSent() {
        return hasLeft || response.isSent();
    }

    /** Returns the status of the answer that has left. */
    int sentStatus() {
        return response.status().code();
    }

    /** Returns how many bytes the answer that has left took, its head included. */
    long sentBytes() {
        return sentDirectly > 0 ? sentDirectly : response.bytesWritten();
    }

    /**
     * Returns whether a successful answer may be sent without Helidon's response: where that would do no more than pass
     * it on.
     */
    boolean maySendDirectly() {
        if (!request.prologue().method().equals(Method.POST)) {
            return false;
        }
        beforeSend();
        return !endsConnection && !isHttp10() && loadReport.isEmpty()
                && !request.headers().contains(HeaderNames.EXPECT);
    }

    /**
     * Decides how an answer of unknown length is sent without Helidon's response: in chunks, or, where this returns false,
     * up to the end of the connection.
     */
    boolean beginUnbounded() {
        beforeSend();
        endsConnection |= isHttp10();
        return !isHttp10();
    }

    /** Returns whether the connection ends with the answer. */
    boolean endsConnection() {
        return endsConnection;
    }

    /** Sends a whole answer, the bytes first, where it {@link #maySendDirectly may} be. */
    void sendDirectly(byte[] head, int length, List<MemorySegment> rest) {
        hasLeft = true;
        sentDirectly += length;
        for (MemorySegment part : rest) {
            sentDirectly += part.byteSize();
        }
        client.send(head, length, rest);
    }

    /** Sends a part of an answer, the first one with its head, where it {@link #maySendDirectly may} be or has begun. */
    void sendDirectly(byte[] bytes, int length) {
        hasLeft = true;
        sentDirectly += length;
        client.send(bytes, length);
    }

    /** Ends the connection where the answer was its last. */
    void finish() {
        if (!isSent()) {
            return;
        }
        if (!isBodyLeft) {
            passOver();
        }
        if (!endsConnection) {
            return;
        }
        throw new CloseConnectionException("the last answer is sent");
    }

    /** Reads what is left of the body: a client that is still sending would not see the answer. */
    private void passOver() {
        if (!request.content().hasEntity() || request.content().consumed()) {
            return;
        }
        try {
            InputStream rest = opened();
            byte[] part = new byte[PASSED_OVER];
            while (rest.read(part, 0, part.length) >= 0) {
                // Nobody wants it.
            }
        } catch (IOException | RuntimeException e) {
            throw new CloseConnectionException("the rest of the body can't be read", e);
        }
    }

    static InferenceException tooLarge(long bytes, long maxBytes) {
        return InferenceException.invalid("request JSON size of " + bytes
                + " bytes exceeds the maximum allowed input size of " + maxBytes
                + " bytes. Use --http-max-input-size to increase the limit.");
    }

    void sendEmpty(int status, String contentType) {
        beforeSend();
        response.status(Status.create(status));
        response.headers().set(HeaderNames.CONTENT_TYPE, contentType);
        response.send();
    }

    void sendJson(JsonWriter json) {
        send(200, JSON, json.buffer(), json.size());
    }

    void sendJson(String json) {
        byte[] bytes = json.getBytes(StandardCharsets.UTF_8);
        send(200, JSON, bytes, bytes.length);
    }

    void sendError(InferenceException error) {
        sendError(HttpStatus.of(error.code()), error.getMessage(), errorType);
    }

    void sendInternalError() {
        sendError(HttpStatus.of(StatusCode.INTERNAL), "internal error; the server's log has the details", errorType);
    }

    /** Asks for a token, in the words of RFC 6750. */
    void sendUnauthorized() {
        response.headers().set(HeaderNames.WWW_AUTHENTICATE, "Bearer realm=\"nereid\"");
        sendError(401, header(HeaderNames.AUTHORIZATION).isPresent()
                ? "the header 'Authorization' holds no token that is known here, expected 'Bearer <token>'"
                : "a token is needed, expecting header 'Authorization: Bearer <token>'", JSON);
    }

    void sendWrongMethod(String allowed, String contentType) {
        response.headers().set(HeaderNames.ALLOW, allowed);
        sendError(405, "Method Not Allowed", contentType);
    }

    void sendError(int status, String message, String contentType) {
        JsonWriter json = new JsonWriter().error(message);
        send(status, contentType, json.buffer(), json.size());
    }

    /** Returns the header; those of most answers are made once. */
    private static Header contentTypeHeader(String contentType) {
        return switch (contentType) {
            case JSON -> HeaderValues.CONTENT_TYPE_JSON;
            case BINARY -> HeaderValues.CONTENT_TYPE_OCTET_STREAM;
            default -> HeaderValues.create(HeaderNames.CONTENT_TYPE, contentType);
        };
    }

    /** Writes a part of an answer. */
    interface Writing {
        void to(OutputStream out) throws IOException;
    }

    /** Sends a successful answer of a known length in pieces. */
    void stream(String contentType, long length, Writing writing) {
        beforeSend();
        response.headers().set(contentTypeHeader(contentType));
        response.headers().contentLength(length);
        try (OutputStream out = response.outputStream()) {
            writing.to(out);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        streamed();
    }

    void send(int status, String contentType, byte[] bytes, int length) {
        if (isSent()) {
            return;
        }
        beforeSend();
        if (status != Status.OK_200.code()) {
            response.status(Status.create(status));
        }
        response.headers().set(contentTypeHeader(contentType));
        if (request.prologue().method().equals(Method.HEAD)) {
            response.headers().contentLength(length);
            response.send();
        } else if (length > MAX_WHOLE) {
            response.headers().contentLength(length);
            try (OutputStream out = response.outputStream()) {
                for (int offset = 0; offset < length; offset += MAX_WHOLE) {
                    out.write(bytes, offset, Math.min(MAX_WHOLE, length - offset));
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            streamed();
        } else {
            response.send(bytes, 0, length);
        }
    }
}

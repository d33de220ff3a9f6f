package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.json.JsonWriter;
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
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.OptionalLong;

/** One request and its response, for the handlers. Used by the request's thread. */
final class Exchange {
    static final String JSON = "application/json";
    static final String TEXT = "text/plain";
    private static final String BINARY = "application/octet-stream";
    private static final int READ_SIZE = 64 * 1024;

    private final ServerRequest request;
    private final ServerResponse response;
    private String errorType = JSON;
    private boolean isBodyWanted;
    private boolean endsConnection;
    private boolean hasLeft;
    private boolean isBodyLeft;

    Exchange(ServerRequest request, ServerResponse response) {
        this.request = request;
        this.response = response;
    }

    Optional<Route> route() {
        return request.remotePeer() instanceof ClientConnection connection
                ? connection.route(path())
                : Route.match(path());
    }

    String path() {
        return request.prologue().uriPath().rawPath();
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

    Optional<String> header(HeaderName name) {
        return request.headers().contains(name) ? Optional.of(request.headers().get(name).get()) : Optional.empty();
    }

    /** Sets the content type of errors from here on. */
    void errorsAs(String contentType) {
        errorType = contentType;
    }

    /** Returns the client's connection. */
    Optional<ClientConnection> connection() {
        return request.remotePeer() instanceof ClientConnection connection
                ? Optional.of(connection)
                : Optional.empty();
    }

    InputStream body() {
        if (!request.content().hasEntity()) {
            return InputStream.nullInputStream();
        }
        isBodyWanted = true;
        InputStream in = request.content().inputStream();
        return request.remotePeer() instanceof ClientConnection connection ? new Body(in, this, connection) : in;
    }

    /** Tells the connection how far a body was read. Closing does not read the rest, which may never come. */
    private static final class Body extends FilterInputStream {
        private final Exchange exchange;
        private final ClientConnection connection;

        Body(InputStream in, Exchange exchange, ClientConnection connection) {
            super(in);
            this.exchange = exchange;
            this.connection = connection;
        }

        @Override
        public int read() throws IOException {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] target, int offset, int length) throws IOException {
            connection.consumed();
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
        try (InputStream in = body()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream((int) announced.orElse(1024));
            byte[] part = new byte[(int) Math.min(READ_SIZE, announced.orElse(READ_SIZE) + 1)];
            ChunkCount chunks = new ChunkCount(this, part.length);
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                if (announced.isEmpty()) {
                    chunks.read(n);
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
        if (endsConnection) {
            response.headers().set(HeaderValues.CONNECTION_CLOSE);
        }
    }

    /** Notes that a whole answer has left through the response's stream, which Helidon counts as sent only later. */
    void streamed() {
        hasLeft = true;
    }

    /** Returns whether an answer has left. */
    boolean isSent() {
        return hasLeft || response.isSent();
    }

    /**
     * Returns whether a successful answer may be sent without Helidon's response: where that would do no more than pass
     * it on.
     */
    boolean maySendDirectly() {
        if (!(request.remotePeer() instanceof ClientConnection) || !request.prologue().method().equals(Method.POST)) {
            return false;
        }
        beforeSend();
        return !endsConnection && !request.headers().contains(HeaderNames.EXPECT);
    }

    /** Sends a successful answer that is whole, head included, where it {@link #maySendDirectly may} be. */
    void sendDirectly(byte[] bytes, int length) {
        hasLeft = true;
        ((ClientConnection) request.remotePeer()).send(bytes, length);
    }

    /** Ends the connection where the answer was its last. */
    void finish() {
        if (!endsConnection || !isSent()) {
            return;
        }
        if (!isBodyLeft) {
            try {
                request.content().consume();
            } catch (RuntimeException e) {
                throw new CloseConnectionException("the rest of the body can't be read", e);
            }
        }
        throw new CloseConnectionException("the last answer is sent");
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
        sendError(error.code().httpStatus(), error.getMessage(), errorType);
    }

    void sendInternalError() {
        sendError(StatusCode.INTERNAL.httpStatus(), "internal error; the server's log has the details", errorType);
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
        } else {
            response.send(bytes, 0, length);
        }
    }
}

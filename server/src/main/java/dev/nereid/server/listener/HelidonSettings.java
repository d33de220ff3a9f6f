package dev.nereid.server.listener;

import io.helidon.common.context.Context;
import io.helidon.http.DirectHandler;
import io.helidon.http.HeaderNames;
import io.helidon.http.ServerResponseHeaders;
import io.helidon.http.Status;
import io.helidon.http.encoding.ContentDecoder;
import io.helidon.http.encoding.ContentEncoder;
import io.helidon.http.encoding.ContentEncodingContext;
import io.helidon.http.encoding.ContentEncodingContextConfig;
import io.helidon.http.media.MediaContext;
import io.helidon.webserver.ListenerConfig;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.http.DirectHandlers;
import io.helidon.webserver.http1.Http1Config;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** How Helidon reads requests: its limits, and JSON errors also for what is not even HTTP. */
final class HelidonSettings implements ListenerContext {
    static final int MAX_PATH = 64 * 1024;
    static final int MAX_HEADERS = 64 * 1024;

    private final Context context = Context.create();
    private final MediaContext media = MediaContext.create();
    private final ContentEncodingContext coding = new PassThrough();
    private final DirectHandlers errors = errors();
    private final ListenerConfig config = ListenerConfig.builder().maxPayloadSize(Integer.MAX_VALUE)
            .protocolsDiscoverServices(false).buildPrototype();
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();

    /** Returns how requests are read. One without a host is served, as by the reference. */
    @SuppressWarnings("removal") // of the switch, which the pinned version of Helidon has
    static Http1Config http1() {
        return Http1Config.builder()
                .maxPrologueLength(MAX_PATH)
                .maxHeadersSize(MAX_HEADERS)
                .validatePath(false)
                .validatePrologue(false)
                .validateRequestHostHeader(false)
                .validateResponseHeaders(false)
                .sendKeepAliveHeader(false)
                .build();
    }

    @Override
    public Context context() {
        return context;
    }

    @Override
    public MediaContext mediaContext() {
        return media;
    }

    @Override
    public ContentEncodingContext contentEncodingContext() {
        return coding;
    }

    @Override
    public DirectHandlers directHandlers() {
        return errors;
    }

    @Override
    public ListenerConfig config() {
        return config;
    }

    @Override
    public ExecutorService executor() {
        return executor;
    }

    private static DirectHandlers errors() {
        DirectHandlers.Builder builder = DirectHandlers.builder();
        for (DirectHandler.EventType type : DirectHandler.EventType.values()) {
            builder.addHandler(type, HelidonSettings::error);
        }
        return builder.build();
    }

    /** Answers what never reaches the handler: requests that are not HTTP, or too large. */
    private static DirectHandler.TransportResponse error(DirectHandler.TransportRequest request,
            DirectHandler.EventType type, Status status, ServerResponseHeaders headers, String message) {
        boolean isFramedTwice = request.headers().contains(HeaderNames.TRANSFER_ENCODING)
                && request.headers().contains(HeaderNames.CONTENT_LENGTH);
        String text = switch (status.code()) {
            case 413 -> "request body or one of its chunks is too large";
            case 414 -> "request path is longer than " + MAX_PATH + " bytes";
            case 431 -> "request headers are longer than " + MAX_HEADERS + " bytes";
            case 503 -> "too much of the Java heap is in use by other requests; try again later";
            case 505 -> "HTTP version is not supported, expected HTTP/1.1";
            default -> isFramedTwice
                    ? "request has both Transfer-Encoding and Content-Length, so that its end is not clear; send one of them"
                    : "request is not valid HTTP/1.1";
        };
        // The handler answers for its own errors; what Helidon stumbles over here is what the client sent.
        boolean isInternal = status.code() == Status.INTERNAL_SERVER_ERROR_500.code();
        return DirectHandler.TransportResponse.builder()
                .status(isInternal ? Status.BAD_REQUEST_400 : status)
                .headers(headers)
                .header(HeaderNames.CONTENT_TYPE, "application/json")
                .keepAlive(false)
                .entity(("{\"error\":\"" + text + "\"}").getBytes(StandardCharsets.UTF_8))
                .build();
    }

    /** Leaves content codings to the handlers: what is offered differs by endpoint. */
    private static final class PassThrough implements ContentEncodingContext {
        private final ContentEncodingContextConfig config = ContentEncodingContextConfig.create();

        @Override
        public boolean contentEncodingEnabled() {
            return false;
        }

        @Override
        public boolean contentDecodingEnabled() {
            return true;
        }

        @Override
        public boolean contentEncodingSupported(String coding) {
            return false;
        }

        @Override
        public boolean contentDecodingSupported(String coding) {
            return true;
        }

        @Override
        public ContentEncoder encoder(String coding) {
            return ContentEncoder.NO_OP;
        }

        @Override
        public ContentDecoder decoder(String coding) {
            return ContentDecoder.NO_OP;
        }

        @Override
        public ContentEncoder encoder(io.helidon.http.Headers headers) {
            return ContentEncoder.NO_OP;
        }

        @Override
        public ContentEncodingContextConfig prototype() {
            return config;
        }
    }
}

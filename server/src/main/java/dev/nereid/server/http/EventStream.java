package dev.nereid.server.http;

import dev.nereid.json.JsonWriter;
import io.helidon.http.DateTime;
import io.helidon.http.Status;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/**
 * Server-sent events as a client gets them: each in a piece of its own, at once. Chunked, and up to the connection's end for
 * HTTP/1.0. Used by the request's thread.
 */
final class EventStream {
    static final String CONTENT_TYPE = "text/event-stream; charset=utf-8";
    private static final byte[] DATA = ascii("data: ");
    private static final byte[] END_OF_EVENT = ascii("\n\n");
    private static final byte[] COMMENT = ascii(":\n\n");
    private static final byte[] END_OF_LINE = ascii("\r\n");
    private static final byte[] LAST_CHUNK = ascii("0\r\n\r\n");

    private final Exchange exchange;
    private final ByteArrayOutputStream events = new ByteArrayOutputStream();
    private final ByteArrayOutputStream piece = new ByteArrayOutputStream();
    private boolean isBegun;
    private boolean isChunked;

    EventStream(Exchange exchange) {
        this.exchange = exchange;
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Returns whether the client has got something. */
    boolean isBegun() {
        return isBegun;
    }

    /** Adds an event, which leaves with the next {@link #flush}. */
    void add(JsonWriter json) {
        events.writeBytes(DATA);
        events.write(json.buffer(), 0, json.size());
        events.writeBytes(END_OF_EVENT);
    }

    /** Adds an event of a kind, which leaves with the next {@link #flush}. */
    void add(String kind, byte[] json) {
        events.writeBytes(ascii("event: " + kind + "\n"));
        events.writeBytes(DATA);
        events.writeBytes(json);
        events.writeBytes(END_OF_EVENT);
    }

    /** Adds what no client takes for an event, which leaves with the next {@link #flush}. */
    void addComment() {
        events.writeBytes(COMMENT);
    }

    /** Returns how many bytes wait for the next {@link #flush}. */
    int waiting() {
        return events.size();
    }

    /** Sends what was added; before the first events the head with that status. */
    void flush(int status) {
        piece.reset();
        if (!isBegun) {
            head(status);
        }
        if (events.size() > 0) {
            if (isChunked) {
                piece.writeBytes(ascii(Integer.toHexString(events.size())));
                piece.writeBytes(END_OF_LINE);
            }
            piece.writeBytes(events.toByteArray());
            if (isChunked) {
                piece.writeBytes(END_OF_LINE);
            }
            events.reset();
        }
        send();
    }

    /** Says that there are no more events; there may have been none. */
    void end() {
        piece.reset();
        if (!isBegun) {
            head(Status.OK_200.code());
        }
        if (isChunked) {
            piece.writeBytes(LAST_CHUNK);
        }
        if (piece.size() > 0) {
            send();
        }
    }

    private void send() {
        byte[] bytes = piece.toByteArray();
        exchange.sendDirectly(bytes, bytes.length);
    }

    private void head(int status) {
        isBegun = true;
        isChunked = exchange.beginUnbounded();
        piece.writeBytes(ascii("HTTP/1.1 " + status + " " + Status.create(status).reasonPhrase() + "\r\nDate: "));
        // With its end of line.
        piece.writeBytes(DateTime.http1Bytes());
        piece.writeBytes(ascii("Content-Type: " + CONTENT_TYPE + "\r\nCache-Control: no-cache\r\n"));
        if (isChunked) {
            piece.writeBytes(ascii("Transfer-Encoding: chunked\r\n"));
        }
        exchange.loadReport().ifPresent(
                report -> piece.writeBytes(ascii(report.name() + ": " + report.get() + "\r\n")));
        if (exchange.endsConnection()) {
            piece.writeBytes(ascii("Connection: close\r\n"));
        }
        piece.writeBytes(END_OF_LINE);
    }
}

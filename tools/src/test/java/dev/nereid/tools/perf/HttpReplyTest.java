package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

final class HttpReplyTest {
    private final HttpReply reply = new HttpReply();

    private static InputStream bytes(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** Hands out one byte at a time, as a slow network might. */
    private static InputStream trickle(String text) {
        InputStream whole = bytes(text);
        return new InputStream() {
            @Override
            public int read() throws IOException {
                return whole.read();
            }

            @Override
            public int read(byte[] buffer, int offset, int length) throws IOException {
                return whole.read(buffer, offset, Math.min(1, length));
            }
        };
    }

    private String body() {
        return new String(reply.body(), StandardCharsets.ISO_8859_1);
    }

    @Test
    void readsABodyOfKnownLength() throws IOException {
        reply.read(trickle("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
                + "INFERENCE-HEADER-CONTENT-LENGTH: 2\r\nContent-Length:5\r\n\r\n{}abc"));

        assertEquals(200, reply.status());
        assertEquals("{}abc", body());
        assertEquals(2, reply.jsonLength());
        assertTrue(reply.staysOpen());
    }

    @Test
    void readsChunks() throws IOException {
        reply.read(trickle("""
                HTTP/1.1 200 OK
                Transfer-Encoding: chunked

                3
                abc
                A;x=1
                0123456789
                0
                Trailer: 1

                """.replace("\n", "\r\n")));

        assertEquals("abc0123456789", body());
        assertEquals(13, reply.jsonLength());
    }

    @Test
    void passesOverInterimAnswers() throws IOException {
        reply.read(bytes("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx"));

        assertEquals(404, reply.status());
        assertEquals("x", body());
    }

    @Test
    void readsToTheEndWhereThereIsNoLength() throws IOException {
        reply.read(bytes("HTTP/1.0 200 OK\r\n\r\nrest"));

        assertEquals("rest", body());
        assertFalse(reply.staysOpen());
    }

    @Test
    void noticesThatTheConnectionWillBeClosed() throws IOException {
        reply.read(bytes("HTTP/1.1 200 OK\r\nconnection: Close\r\nContent-Length: 0\r\n\r\n"));

        assertFalse(reply.staysOpen());
    }

    @Test
    void forgetsTheAnswerBefore() throws IOException {
        reply.read(bytes("HTTP/1.1 200 OK\r\nInference-Header-Content-Length: 1\r\nContent-Length: 3\r\n\r\nabc"));
        reply.read(bytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nde"));

        assertEquals("de", body());
        assertEquals(2, reply.jsonLength());
    }

    @Test
    void readsABodyLargerThanItsBuffer() throws IOException {
        String large = "x".repeat(100_000);
        reply.read(bytes("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + large));

        assertEquals(large, body());
    }

    @Test
    void failsWhereTheAnswerBreaksOff() {
        assertThrows(EOFException.class, () -> reply.read(bytes("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")));
        assertTrue(reply.hasBegun());

        reply.reset();
        assertThrows(EOFException.class, () -> reply.read(bytes("")));
        assertFalse(reply.hasBegun());
    }

    @Test
    void refusesWhatIsNotHttp() {
        var failure = assertThrows(IOException.class, () -> reply.read(bytes("SSH-2.0-something\r\n\r\n")));

        assertEquals("the server does not answer in HTTP/1.1", failure.getMessage());
    }

    @Test
    void refusesALengthThatIsNoNumber() {
        var failure = assertThrows(IOException.class,
                () -> reply.read(bytes("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n")));

        assertEquals("the server sent 'many' where a number was expected", failure.getMessage());
    }
}

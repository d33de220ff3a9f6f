package dev.nereid.server.listener;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.http.RawClient;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Clients that stop in the middle of an exchange and keep the connection open. */
class StalledClientTest {
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final Duration LONG = Duration.ofMinutes(1);
    /** More than the socket buffers of both sides take. */
    private static final byte[] LARGE = new byte[32 << 20];

    private final CompletableFuture<Boolean> isSent = new CompletableFuture<>();

    private interface Exchanged {
        void with(RawClient client) throws Exception;
    }

    private void serve(Duration patience, Consumer<ServerResponse> answer, Exchanged exchanged) throws Exception {
        Handler handler = (request, response) -> {
            try {
                answer.accept(response);
                isSent.complete(true);
            } catch (RuntimeException e) {
                isSent.complete(false);
                throw e;
            }
        };
        try (ClientConnections connections = ClientConnections.start("test", HeapBudget.ofThisProcess(),
                new ConnectionSetup(Optional.empty(), LONG), patience, Optional.empty(),
                _ -> handler);
                Listener listener = Listener.open("test", "127.0.0.1", 0, false, new ConnectionSlots(10), connections);
                RawClient client = RawClient.connect(listener.port())) {
            exchanged.with(client);
        }
    }

    private static void stream(ServerResponse response) {
        try (OutputStream out = response.outputStream()) {
            for (int offset = 0; offset < LARGE.length; offset += 1 << 18) {
                out.write(LARGE, offset, 1 << 18);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void dropsOneThatTakesNothingOfALargeAnswer() throws Exception {
        serve(SHORT, response -> response.send(LARGE), client -> {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

            assertEquals(false, isSent.get(20, TimeUnit.SECONDS));
        });
    }

    @Test
    void dropsOneThatTakesNothingOfAStreamedAnswer() throws Exception {
        serve(SHORT, StalledClientTest::stream, client -> {
            client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

            assertEquals(false, isSent.get(20, TimeUnit.SECONDS));
        });
    }

    @Test
    void dropsOneThatStopsInTheMiddleOfItsRequest() throws Exception {
        serve(SHORT, response -> response.send("never"), client -> {
            client.write("GET / HTTP/1.1\r\nHost:");

            assertTrue(client.isClosedByServer());
        });
    }

    @Test
    void keepsOneThatPausesBetweenItsRequests() throws Exception {
        serve(SHORT, response -> response.send("served"), client -> {
            for (int i = 0; i < 2; i++) {
                assertEquals("served", client.send("GET", "/", "").body());
                LockSupport.parkNanos(2 * SHORT.toNanos());
            }
            assertEquals("served", client.send("GET", "/", "").body());
        });
    }

    @Test
    void sendsAllToOneThatReads() throws Exception {
        LARGE[LARGE.length - 1] = 'x';
        serve(LONG, response -> response.send(LARGE), client -> {
            RawClient.Answer answer = client.send("GET", "/", "");

            assertEquals(LARGE.length, answer.content().length());
            assertTrue(answer.content().endsWith("\0x"));
            assertEquals(true, isSent.get(20, TimeUnit.SECONDS));
        });
    }
}

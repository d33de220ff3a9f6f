package dev.nereid.server.listener;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.http.RawClient;
import io.helidon.webserver.http.ServerResponse;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BiConsumer;
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
        serve(patience, (_, response) -> answer.accept(response), exchanged);
    }

    private void serve(Duration patience, BiConsumer<Client, ServerResponse> answer, Exchanged exchanged)
            throws Exception {
        ConnectionHandler handler = connection -> (_, response) -> {
            try {
                answer.accept(connection, response);
                isSent.complete(true);
            } catch (RuntimeException e) {
                isSent.complete(false);
                throw e;
            }
        };
        try (ClientConnections connections = ClientConnections.start("test", HeapBudget.ofThisProcess(),
                new ConnectionSetup(Optional.empty(), LONG), patience, Optional.empty(),
                handler);
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
    void dropsOneThatTakesNothingOfOffHeapMemory() throws Exception {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment large = arena.allocate(LARGE.length);
            serve(SHORT, (connection, _) -> connection.send(new byte[10], 10, List.of(large)), client -> {
                client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");

                assertEquals(false, isSent.get(20, TimeUnit.SECONDS));
            });
        }
    }

    @Test
    void dropsOneThatStopsInTheMiddleOfABodyForOffHeapMemory() throws Exception {
        serve(SHORT, (connection, _) -> {
            ByteBuffer body = ByteBuffer.allocateDirect(1_000_000);
            while (body.hasRemaining()) {
                connection.read(body);
            }
        }, client -> {
            client.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n").write(new byte[500_000]);

            assertTrue(client.isClosedByServer());
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

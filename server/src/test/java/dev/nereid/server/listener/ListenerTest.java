package dev.nereid.server.listener;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.http.RawClient;
import java.io.IOException;
import java.net.BindException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

/** A port that stays open whatever happens to single connections. */
class ListenerTest {
    @AutoClose
    private final ClientConnections connections = ClientConnections.start("test", new HeapBudget(1 << 20),
            new ConnectionSetup(Optional.empty(), Duration.ofMinutes(1)), Duration.ofMinutes(1), Optional.empty(),
            _ -> (_, response) -> response.send("served"));

    private Listener open(ServerSocket socket, int maxConnections) throws IOException {
        return Listener.open("test", socket, "127.0.0.1", 0, false, new ConnectionSlots(maxConnections), connections);
    }

    private static String ask(RawClient client) {
        return client.send("GET", "/", "").body();
    }

    /** A socket whose first accepts fail. */
    private static final class FailingSocket extends ServerSocket {
        private final AtomicInteger failures = new AtomicInteger(3);
        private final Throwable failure;

        FailingSocket(Throwable failure) throws IOException {
            this.failure = failure;
        }

        @Override
        public Socket accept() throws IOException {
            if (failures.getAndDecrement() > 0) {
                if (failure instanceof Error error) {
                    throw error;
                }
                throw new SocketException(failure.getMessage());
            }
            return super.accept();
        }
    }

    @Test
    void goesOnAcceptingAfterAMomentWithoutFileDescriptors() throws IOException {
        try (Listener listener = open(new FailingSocket(new IOException("Too many open files")), 10);
                RawClient client = RawClient.connect(listener.port())) {
            assertEquals("served", ask(client));
            assertEquals(PortHealth.ACCEPTS, listener.health());
        }
    }

    @Test
    void goesOnAcceptingAfterAMomentWithoutMemory() throws IOException {
        try (Listener listener = open(new FailingSocket(new OutOfMemoryError("Java heap space")), 10);
                RawClient client = RawClient.connect(listener.port())) {
            assertEquals("served", ask(client));
        }
    }

    @Test
    void opensNoMoreConnectionsThanItMay() throws IOException {
        try (Listener listener = open(new ServerSocket(), 2);
                RawClient waiting = connectThird(listener)) {
            assertEquals("served", waiting.read().body());
        }
    }

    /** Returns a connection that was served only after one of two others ended. */
    private RawClient connectThird(Listener listener) {
        try (RawClient first = RawClient.connect(listener.port());
                RawClient second = RawClient.connect(listener.port())) {
            assertEquals("served", ask(first));
            assertEquals("served", ask(second));
            RawClient third = RawClient.connect(listener.port());
            third.write(RawClient.request("GET", "/", ""));
            assertEquals("served", ask(first));
            assertEquals(2, connections.count());
            return third;
        }
    }

    @Test
    void saysThatItsPortIsTaken() throws IOException {
        try (Listener listener = open(new ServerSocket(), 1)) {
            assertThrows(BindException.class,
                    () -> Listener.open("test", "127.0.0.1", listener.port(), false, new ConnectionSlots(1),
                            connections));
        }
    }

    @Test
    void noticesThatItsPortIsGone() throws IOException {
        ServerSocket socket = new ServerSocket();
        try (Listener listener = open(socket, 1)) {
            socket.close();
            long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
            while (listener.health() != PortHealth.GONE && System.nanoTime() < deadline) {
                LockSupport.parkNanos(1_000_000);
            }
            assertTrue(listener.health() == PortHealth.GONE);
        }
    }
}

package dev.nereid.isolation.host;

import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.Hello;
import dev.nereid.isolation.wire.RecordCodec;
import dev.nereid.isolation.wire.WireException;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The socket that worker processes connect to. It lies in a directory that only this user can enter; and only who says what
 * a process was told on its standard input gets further. Threads: any; one of its own accepts, and one for each newcomer
 * hears what it says.
 */
final class Reception implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Reception.class.getName());

    private final Path path;
    private final ServerSocketChannel server;
    private final Map<Hello, CompletableFuture<Connection>> expected = new ConcurrentHashMap<>();

    private Reception(Path path, ServerSocketChannel server) {
        this.path = path;
        this.server = server;
    }

    /** Opens the socket in that directory. */
    static Reception open(Path directory) throws IOException {
        Path path = directory.resolve("socket");
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            server.bind(UnixDomainSocketAddress.of(path));
        } catch (IOException e) {
            server.close();
            throw new IOException("socket '" + path + "' can't be opened: " + e.getMessage()
                    + "; the path of a socket has at most 107 characters, -Djava.io.tmpdir names another directory", e);
        }
        Reception reception = new Reception(path, server);
        Thread.ofPlatform().name("nereid-worker-accept").daemon(true).start(reception::accept);
        return reception;
    }

    Path path() {
        return path;
    }

    /** Says that a connection is to come. Who no longer waits says so with {@link #forget}. */
    CompletableFuture<Connection> expect(Hello hello) {
        CompletableFuture<Connection> connection = new CompletableFuture<>();
        expected.put(hello, connection);
        return connection;
    }

    /** Turns a connection away that may still come. */
    void forget(Hello hello) {
        CompletableFuture<Connection> forgotten = expected.remove(hello);
        if (forgotten != null) {
            forgotten.cancel(false);
        }
    }

    private void accept() {
        while (true) {
            SocketChannel channel;
            try {
                channel = server.accept();
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                LOGGER.log(Level.ERROR, "worker processes can't connect any more", e);
                return;
            }
            // A platform thread: what a virtual one has read from blocks no other the simple way ever after.
            Thread.ofPlatform().name("nereid-worker-greet").daemon(true).start(() -> greet(new Connection(channel)));
        }
    }

    private void greet(Connection connection) {
        try {
            CompletableFuture<Connection> awaited = expected
                    .remove(RecordCodec.read(Hello.class, connection.receive()));
            if (awaited != null && awaited.complete(connection)) {
                return;
            }
            LOGGER.log(Level.WARNING, "a connection to '" + path + "' that nobody expected is turned away");
        } catch (IOException | WireException e) {
            LOGGER.log(Level.DEBUG, () -> "a connection to '" + path + "' said nothing of use: " + e);
        }
        connection.close();
    }

    @Override
    public void close() {
        try {
            server.close();
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> "'" + path + "' can't be closed: " + e);
        }
        expected.keySet().forEach(this::forget);
    }
}

package dev.nereid.server.listener;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.FixedLimit;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.common.socket.SocketWriter;
import io.helidon.common.task.InterruptableTask;
import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.Router;
import io.helidon.webserver.http.Handler;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * One client's connection: Helidon's own, which reads through {@link ClientInput} and writes through
 * {@link ClientOutput}.
 */
final class ClientConnection implements ConnectionContext, Client {
    private static final Logger LOGGER = System.getLogger(ClientConnection.class.getName());
    private static final Limit UNLIMITED = FixedLimit.create();

    private final Socket transport;
    private final HelidonSocket socket;
    private final ListenerContext listener;
    private final ClientInput input;
    private final RequestReader reader;
    private final ClientOutput output;
    private final Router router;
    private final ServerConnection http;
    private final ClientConnections all;
    private volatile @Nullable Wait wait;
    private final Handler handler;
    private final long beginNanos = System.nanoTime();
    private final long lifetimeNanos;

    /** A wait of the connection's thread for the engine. */
    static final class Wait {
        private final Runnable cancel;
        private final long sinceNanos = System.nanoTime();

        private Wait(Runnable cancel) {
            this.cancel = cancel;
        }

        /** Gives it up. */
        void cancel() {
            cancel.run();
        }
    }

    /**
     * Creates a connection.
     *
     * @param transport the socket below TLS, if there is any
     * @param socket what requests are read from
     */
    ClientConnection(Socket transport, HelidonSocket socket, ListenerContext listener, Http1ConnectionSelector selector,
            Router router, ClientConnections all) {
        this.transport = transport;
        this.socket = socket;
        this.listener = listener;
        SocketChannel channel = socket.isSecure() ? null : transport.getChannel();
        this.input = new ClientInput(socket, channel, all.heap());
        this.reader = new RequestReader(input, this::canInterrupt);
        this.output = new ClientOutput(SocketWriter.create(socket), channel);
        this.router = router;
        this.all = all;
        this.lifetimeNanos = all.lifetimeNanos();
        this.handler = all.handler().open(this);
        this.http = selector.connection(this);
    }

    /** Serves requests until the connection ends, and closes it. */
    void serve() {
        try {
            http.handle(UNLIMITED);
        } catch (InterruptedException | CloseConnectionException | UncheckedIOException e) {
            // The client has gone, or the last answer is sent.
            LOGGER.log(Level.TRACE, "connection ended", e);
        } catch (RuntimeException | VirtualMachineError e) {
            LOGGER.log(Level.WARNING, "connection failed", e);
        } finally {
            input.consumed();
            output.end(socket);
        }
    }

    private void disconnect() {
        ConnectionSetup.drop(transport);
    }

    /** Hands a request to who handles those of this connection. */
    void handle(ServerRequest request, ServerResponse response) throws Exception {
        handler.handle(request, response);
    }

    /** Drops the connection in the middle of whatever it does. */
    void abort() {
        http.close(true);
        disconnect();
    }

    /** Closes the connection where nothing was asked on it for that long. */
    void endAfter(Duration idle) {
        if (canInterrupt() && idleTime().compareTo(idle) > 0) {
            http.close(false);
        }
    }

    @Override
    public boolean isHttp10() {
        return reader.isHttp10();
    }

    @Override
    public boolean endsWithAnswer() {
        return all.endsWithAnswer() || System.nanoTime() - beginNanos > lifetimeNanos;
    }

    @Override
    public void waits(Runnable cancel) {
        wait = new Wait(cancel);
    }

    @Override
    public void answered() {
        wait = null;
    }

    @Nullable
    Wait currentWait() {
        return wait;
    }

    @Override
    public void send(byte[] bytes, int length) {
        output.writeNow(BufferData.create(bytes, 0, length));
    }

    @Override
    public void send(byte[] head, int length, List<MemorySegment> rest) {
        output.write(head, length, rest);
    }

    @Override
    public void read(ByteBuffer target) {
        reader.take(target);
        input.consumed();
    }

    @Override
    public void consumed() {
        input.consumed();
    }

    /**
     * Starts to listen for the client's end where a wait is long; closes where a client stopped in the middle of its
     * request or of our answer.
     */
    void check(long nowNanos, long longWaitNanos, long patienceNanos) {
        Wait current = wait;
        if (current != null && nowNanos - current.sinceNanos > longWaitNanos) {
            input.readAhead(this, current);
        }
        long reading = input.readingSince();
        // Between requests a client may take its time; that ends with Helidon's own limit.
        boolean isSilent = reading != 0 && nowNanos - reading > patienceNanos && !canInterrupt();
        long writing = output.writingSince();
        boolean isStuck = writing != 0 && nowNanos - writing > patienceNanos;
        if (isSilent || isStuck) {
            disconnect();
        }
    }

    /** Returns whether the connection waits for a request. */
    boolean canInterrupt() {
        return http instanceof InterruptableTask<?> task && task.canInterrupt();
    }

    private Duration idleTime() {
        return wait == null ? http.idleTime() : Duration.ZERO;
    }

    /** Ends the connection: after the current request, or in the middle of it. */
    void close(boolean interrupt) {
        http.close(interrupt);
    }

    @Override
    public PeerInfo remotePeer() {
        return socket.remotePeer();
    }

    @Override
    public DataReader dataReader() {
        return reader;
    }

    @Override
    public ListenerContext listenerContext() {
        return listener;
    }

    @Override
    public ExecutorService executor() {
        return listener.executor();
    }

    @Override
    public DataWriter dataWriter() {
        return output;
    }

    @Override
    public Router router() {
        return router;
    }

    @Override
    public HelidonSocket serverSocket() {
        return socket;
    }

    @Override
    public PeerInfo localPeer() {
        return socket.localPeer();
    }

    @Override
    public boolean isSecure() {
        return socket.isSecure();
    }

    @Override
    public String socketId() {
        return socket.socketId();
    }

    @Override
    public String childSocketId() {
        return socket.childSocketId();
    }
}

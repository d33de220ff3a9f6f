package dev.nereid.server.http;

import io.helidon.common.buffers.BufferData;
import io.helidon.common.buffers.DataReader;
import io.helidon.common.buffers.DataWriter;
import io.helidon.common.concurrency.limits.Limit;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PeerInfo;
import io.helidon.common.task.InterruptableTask;
import io.helidon.webserver.ConnectionContext;
import io.helidon.webserver.ListenerContext;
import io.helidon.webserver.ProxyProtocolData;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.helidon.webserver.spi.ServerConnection;
import java.net.SocketAddress;
import java.security.Principal;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import org.jspecify.annotations.Nullable;

/**
 * One client's connection: Helidon's own, which reads through {@link ClientInput} and writes through
 * {@link ClientOutput}. Handlers find it as the remote peer of their request.
 */
final class ClientConnection implements ServerConnection, InterruptableTask<Void>, ConnectionContext, PeerInfo {
    private final ConnectionContext context;
    private final PeerInfo peer;
    private final ClientInput input;
    private final DataReader reader;
    private final ClientOutput output;
    private final Router router;
    private final ServerConnection http;
    private final Set<ClientConnection> open;
    private volatile @Nullable Wait wait;
    /** Most clients send all their requests to one path. Used by the connection's thread. */
    private String lastPath = "";
    private Optional<Route> lastRoute = Optional.empty();

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

    ClientConnection(ConnectionContext context, Http1ConnectionSelector selector, int maxHead, Router router,
            Set<ClientConnection> open) {
        this.context = context;
        this.peer = context.remotePeer();
        this.input = new ClientInput(context.serverSocket(), maxHead);
        this.reader = DataReader.create(input);
        this.output = new ClientOutput(context.dataWriter());
        this.router = router;
        this.open = open;
        this.http = selector.connection(this);
    }

    @Override
    public void handle(Limit limit) throws InterruptedException {
        open.add(this);
        try {
            http.handle(limit);
        } finally {
            open.remove(this);
        }
    }

    /** Returns what a path addresses. */
    Optional<Route> route(String path) {
        if (!path.equals(lastPath)) {
            lastRoute = Route.match(path);
            lastPath = path;
        }
        return lastRoute;
    }

    /** Says that the thread waits for the engine from now on and reads nothing. */
    void waits(Runnable cancel) {
        wait = new Wait(cancel);
    }

    /** Says that the wait is over. */
    void answered() {
        wait = null;
    }

    @Nullable
    Wait currentWait() {
        return wait;
    }

    /** Sends bytes at once. */
    void send(byte[] bytes, int length) {
        output.writeNow(BufferData.create(bytes, 0, length));
    }

    /** Notes that a part of the body has reached its handler. */
    void consumed() {
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
            context.serverSocket().close();
        }
    }

    @Override
    public boolean canInterrupt() {
        return http instanceof InterruptableTask<?> task && task.canInterrupt();
    }

    @Override
    public Duration idleTime() {
        return wait == null ? http.idleTime() : Duration.ZERO;
    }

    @Override
    public void close(boolean interrupt) {
        http.close(interrupt);
    }

    @Override
    public PeerInfo remotePeer() {
        return this;
    }

    @Override
    public DataReader dataReader() {
        return reader;
    }

    @Override
    public ListenerContext listenerContext() {
        return context.listenerContext();
    }

    @Override
    public ExecutorService executor() {
        return context.executor();
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
    public Optional<ProxyProtocolData> proxyProtocolData() {
        return context.proxyProtocolData();
    }

    @Override
    public HelidonSocket serverSocket() {
        return context.serverSocket();
    }

    @Override
    public PeerInfo localPeer() {
        return context.localPeer();
    }

    @Override
    public boolean isSecure() {
        return context.isSecure();
    }

    @Override
    public String socketId() {
        return context.socketId();
    }

    @Override
    public String childSocketId() {
        return context.childSocketId();
    }

    @Override
    public SocketAddress address() {
        return peer.address();
    }

    @Override
    public String host() {
        return peer.host();
    }

    @Override
    public int port() {
        return peer.port();
    }

    @Override
    public Optional<Principal> tlsPrincipal() {
        return peer.tlsPrincipal();
    }

    @Override
    public Optional<Certificate[]> tlsCertificates() {
        return peer.tlsCertificates();
    }
}

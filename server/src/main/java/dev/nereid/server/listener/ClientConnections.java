package dev.nereid.server.listener;

import dev.nereid.engine.memory.HeapBudget;
import dev.nereid.server.tls.ServerTls;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.webserver.Router;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.Socket;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;

/**
 * Takes every connection of a listener, and looks after all of them now and then on one thread: a client that goes while
 * it waits for an answer is noticed, a client that stops in the middle of a request or of an answer is dropped, and so
 * is a connection that nothing was asked on for long. Short requests pay nothing for that but noting when they began to
 * wait.
 */
public final class ClientConnections implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ClientConnections.class.getName());
    /** A client that sends nothing for so long in the middle of a request, or takes nothing of an answer, is gone. */
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    /** So long a client may take until TLS is set up. */
    private static final Duration SETUP_LIMIT = Duration.ofSeconds(20);
    private static final Duration IDLE_TIMEOUT = Duration.ofMinutes(5);
    private static final Duration CHECK_INTERVAL = Duration.ofMillis(50);
    private static final int CHECKS_PER_IDLE_CHECK = 40;
    private static final Duration LONG_WAIT = Duration.ofMillis(100);
    /** So long a connection without a request is kept open at the end, for one that is on its way. */
    private static final Duration QUIET = Duration.ofSeconds(1);
    /** The part of the age by which connections differ, so that clients don't all come back at once. */
    private static final int AGE_SPREAD = 10;
    private static final Duration DRAIN_INTERVAL = Duration.ofMillis(5);

    private final Http1ConnectionSelector selector = Http1ConnectionSelector.builder().config(HelidonSettings.http1())
            .build();
    private final HelidonSettings settings = new HelidonSettings();
    private final HeapBudget heap;
    private final ConnectionSetup setup;
    private final Duration patience;
    private final Router router = CatchAllRouting.router();
    private final ConnectionHandler handler;
    private final Set<ClientConnection> open = ConcurrentHashMap.newKeySet();
    private final Thread.Builder.OfVirtual threads;
    private final Thread watch = Thread.ofPlatform().name("nereid-http-watch").daemon(true).unstarted(this::watch);
    private final Optional<Duration> maxAge;
    private volatile boolean isEnding;
    private volatile long lastRequest;

    private ClientConnections(String name, HeapBudget heap, ConnectionSetup setup, Duration patience,
            Optional<Duration> maxAge, ConnectionHandler handler) {
        this.maxAge = maxAge;
        this.heap = heap;
        this.setup = setup;
        this.patience = patience;
        this.handler = handler;
        this.threads = Thread.ofVirtual().name("nereid-" + name + "-", 0);
    }

    /**
     * Starts to look after connections.
     *
     * @param name names their threads
     * @param heap bounds what requests take from the heap
     * @param tls key and certificates; empty for plain text. To be closed by who has created them
     * @param maxAge after which time a connection's next answer is its last; empty for never
     * @param handler gets the requests
     */
    public static ClientConnections start(String name, HeapBudget heap, Optional<ServerTls> tls,
            Optional<Duration> maxAge, ConnectionHandler handler) {
        return start(name, heap, new ConnectionSetup(tls, SETUP_LIMIT), PATIENCE, maxAge, handler);
    }

    /**
     * Starts to look after connections.
     *
     * @param name names their threads
     * @param heap bounds what requests take from the heap
     * @param setup sets connections up
     * @param patience how long a client may send nothing in the middle of a request, or take nothing of an answer
     * @param maxAge after which time a connection's next answer is its last; empty for never
     * @param handler gets the requests
     */
    static ClientConnections start(String name, HeapBudget heap, ConnectionSetup setup, Duration patience,
            Optional<Duration> maxAge, ConnectionHandler handler) {
        ClientConnections connections = new ClientConnections(name, heap, setup, patience, maxAge, handler);
        connections.watch.start();
        return connections;
    }

    /**
     * Sets a connection up and serves it on a thread of its own, and closes it.
     *
     * @param ended called when it is closed
     */
    void serve(Socket socket, Runnable ended) {
        setup.begin(socket);
        try {
            threads.start(() -> {
                try {
                    serve(socket);
                } finally {
                    ended.run();
                }
            });
        } catch (RuntimeException | Error e) {
            setup.end(socket);
            throw e;
        }
    }

    private void serve(Socket socket) {
        try {
            setup.run(socket).ifPresent(stream -> serve(socket, stream));
        } catch (RuntimeException | VirtualMachineError e) {
            LOGGER.log(Level.WARNING, "connection failed", e);
        } finally {
            setup.end(socket);
            ConnectionSetup.drop(socket);
        }
    }

    private void serve(Socket socket, HelidonSocket stream) {
        ClientConnection connection = new ClientConnection(socket, stream, settings, selector, router, this);
        open.add(connection);
        setup.end(socket);
        try {
            connection.serve();
        } finally {
            open.remove(connection);
        }
    }

    /** Returns what handles the requests. */
    ConnectionHandler handler() {
        return handler;
    }

    /** Returns the bound on what requests take from the heap. */
    HeapBudget heap() {
        return heap;
    }

    /** Returns how many connections are open. */
    int count() {
        return open.size();
    }

    /** Returns whether each answer is to be the last of its connection. Told when a request is about to be answered. */
    boolean endsWithAnswer() {
        if (isEnding) {
            lastRequest = System.nanoTime();
        }
        return isEnding;
    }

    /** Returns after how many nanoseconds a new connection's next answer is its last: not all at the same time. */
    long lifetimeNanos() {
        return maxAge.map(age -> {
            long spread = age.toNanos() / AGE_SPREAD;
            return age.toNanos() + ThreadLocalRandom.current().nextLong(-spread, spread + 1);
        }).orElse(Long.MAX_VALUE);
    }

    /** Has each answer be the last of its connection from now on; new connections are taken as before. */
    public void endWithAnswers() {
        lastRequest = System.nanoTime();
        isEnding = true;
    }

    private void watch() {
        for (int checks = 1;; checks++) {
            try {
                Thread.sleep(CHECK_INTERVAL);
            } catch (InterruptedException e) {
                return;
            }
            long now = System.nanoTime();
            setup.check(now);
            for (ClientConnection connection : open) {
                try {
                    connection.check(now, LONG_WAIT.toNanos(), patience.toNanos());
                    if (checks % CHECKS_PER_IDLE_CHECK == 0) {
                        connection.endAfter(IDLE_TIMEOUT);
                    }
                } catch (RuntimeException e) {
                    LOGGER.log(Level.DEBUG, "connection is already gone", e);
                }
            }
        }
    }

    /**
     * Answers what still comes, each answer being the last of its connection, until no request has come for a moment and
     * none is being handled, or until the deadline; then closes all connections.
     */
    public void drain(Deadline deadline) {
        endWithAnswers();
        long quiet = Math.min(QUIET.toNanos(), deadline.remaining().toNanos() / 4);
        while (!isEmpty() && !deadline.hasPassed() && (isBusy() || System.nanoTime() - lastRequest < quiet)) {
            LockSupport.parkNanos(DRAIN_INTERVAL.toNanos());
        }
        open.forEach(connection -> connection.close(false));
        while (isBusy() && !deadline.hasPassed()) {
            LockSupport.parkNanos(DRAIN_INTERVAL.toNanos());
        }
        abort();
    }

    private boolean isEmpty() {
        return setup.isDone() && open.isEmpty();
    }

    private void abort() {
        setup.abort();
        open.forEach(ClientConnection::abort);
    }

    private boolean isBusy() {
        return open.stream().anyMatch(connection -> !connection.canInterrupt());
    }

    /** Ends the thread and drops the connections that are left. */
    @Override
    public void close() {
        watch.interrupt();
        abort();
    }
}

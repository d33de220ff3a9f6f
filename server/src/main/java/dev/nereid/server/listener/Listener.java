package dev.nereid.server.listener;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardSocketOptions;
import java.net.UnknownHostException;
import java.nio.channels.ServerSocketChannel;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;

/**
 * An open port. Its thread accepts connections and hands each to a virtual thread, which reads requests the way Helidon
 * does. Not Helidon's own listener: that one ends for good when an accept fails, such as in a moment without free file
 * descriptors, and the process lives on without a port.
 *
 * <p>Threads: one accepts, until the port is closed; whatever goes wrong in between is logged and tried again.
 */
public final class Listener implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Listener.class.getName());
    private static final int BACKLOG = 1024;
    /** So often the thread shows that it is there, however few connections come. */
    private static final Duration HEARTBEAT = Duration.ofSeconds(1);
    private static final Duration SILENCE = Duration.ofSeconds(20);
    private static final Duration PAUSE = Duration.ofMillis(50);
    private static final Duration WARNING_INTERVAL = Duration.ofSeconds(10);

    private final ServerSocket socket;
    private final ClientConnections connections;
    private final ConnectionSlots slots;
    private final Thread acceptor;
    private volatile boolean isClosed;
    private volatile long lastHeartbeat = System.nanoTime();
    private long lastWarning = System.nanoTime() - WARNING_INTERVAL.toNanos();

    private Listener(String name, ServerSocket socket, ClientConnections connections, ConnectionSlots slots) {
        this.socket = socket;
        this.connections = connections;
        this.slots = slots;
        this.acceptor = Thread.ofPlatform().name("nereid-" + name + "-listener").daemon(false).unstarted(this::listen);
    }

    /**
     * Opens a port.
     *
     * @param name names the thread
     * @param port 0 for any
     * @param reusesPort whether other processes may share the port
     * @param slots each connection takes one; where none is free, connections wait until one is
     * @param connections takes every connection
     * @throws IOException when the port can't be opened
     */
    public static Listener open(String name, String address, int port, boolean reusesPort, ConnectionSlots slots,
            ClientConnections connections) throws IOException {
        // Its connections have a channel, which reads and writes off-heap memory without a copy.
        ServerSocket socket = ServerSocketChannel.open().socket();
        return open(name, socket, address, port, reusesPort, slots, connections);
    }

    static Listener open(String name, ServerSocket socket, String address, int port, boolean reusesPort,
            ConnectionSlots slots, ClientConnections connections) throws IOException {
        try {
            if (reusesPort) {
                socket.setOption(StandardSocketOptions.SO_REUSEPORT, true);
            }
            socket.setSoTimeout((int) HEARTBEAT.toMillis());
            socket.bind(new InetSocketAddress(resolve(address), port), BACKLOG);
            Listener listener = new Listener(name, socket, connections, slots);
            listener.acceptor.start();
            return listener;
        } catch (IOException | RuntimeException | Error e) {
            socket.close();
            throw e;
        }
    }

    private static InetAddress resolve(String address) throws UnknownHostException {
        try {
            return InetAddress.getByName(address);
        } catch (UnknownHostException e) {
            UnknownHostException named = new UnknownHostException("address '" + address + "' is not known");
            named.initCause(e);
            throw named;
        }
    }

    /** Returns the port that is listened on. */
    public int port() {
        return socket.getLocalPort();
    }

    /** Returns whether the port is served. */
    public PortHealth health() {
        if (isClosed) {
            return PortHealth.ACCEPTS;
        }
        if (socket.isClosed() || !acceptor.isAlive()) {
            return PortHealth.GONE;
        }
        return System.nanoTime() - lastHeartbeat > SILENCE.toNanos() ? PortHealth.SILENT : PortHealth.ACCEPTS;
    }

    private void listen() {
        while (!isClosed) {
            try {
                accept();
            } catch (IOException | RuntimeException | Error e) {
                if (socket.isClosed()) {
                    return;
                }
                if (!isClosed) {
                    warn(e);
                    LockSupport.parkNanos(PAUSE.toNanos());
                }
            }
        }
    }

    private void accept() throws IOException {
        if (!acquireSlot()) {
            lastHeartbeat = System.nanoTime();
            return;
        }
        boolean isTaken = false;
        try {
            Socket client = socket.accept();
            lastHeartbeat = System.nanoTime();
            try {
                client.setTcpNoDelay(true);
                client.setKeepAlive(true);
                connections.serve(client, slots::giveBack);
                isTaken = true;
            } finally {
                if (!isTaken) {
                    client.close();
                }
            }
        } catch (SocketTimeoutException e) {
            // Nobody came.
            lastHeartbeat = System.nanoTime();
        } finally {
            if (!isTaken) {
                slots.giveBack();
            }
        }
    }

    private boolean acquireSlot() {
        try {
            return slots.tryTake(HEARTBEAT);
        } catch (InterruptedException e) {
            // Only the close of this listener ends the thread.
            return false;
        }
    }

    /** Tells what keeps connections out; a lasting trouble now and then only. */
    private void warn(Throwable e) {
        long now = System.nanoTime();
        if (now - lastWarning < WARNING_INTERVAL.toNanos()) {
            return;
        }
        lastWarning = now;
        try {
            LOGGER.log(Level.ERROR, "port " + port() + " can't accept a connection, and goes on trying: "
                    + e.getMessage());
        } catch (VirtualMachineError none) {
            // There is no memory even for the text.
        }
    }

    /** Closes the port; open connections stay. */
    @Override
    public void close() {
        isClosed = true;
        try {
            socket.close();
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, "port " + port(), e);
        }
    }
}

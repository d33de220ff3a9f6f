package dev.nereid.server.listener;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.nereid.server.tls.ServerTls;
import io.helidon.common.socket.HelidonSocket;
import io.helidon.common.socket.PlainSocket;
import io.helidon.common.socket.TlsSocket;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.Socket;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import javax.net.ssl.SSLSocket;

/**
 * What comes before the first request of a connection: with TLS the handshake, otherwise nothing. A client that speaks
 * plain HTTP to a port with TLS gets an answer in plain HTTP which says so; one that is not done in time is dropped.
 *
 * <p>Threads: each connection has its own; another looks how long it takes.
 */
final class ConnectionSetup {
    private static final Logger LOGGER = System.getLogger(ConnectionSetup.class.getName());
    private static final String NAME = "nereid";
    private static final String HTTP = "http/1.1";
    /** What a client's first record begins with. */
    private static final int HANDSHAKE = 22;
    private static final String REASON = "{\"error\":\"this port expects TLS, ask with https://\"}";
    private static final byte[] PLAIN_ANSWER = ("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
            + "Content-Length: " + REASON.length() + "\r\nConnection: close\r\n\r\n" + REASON).getBytes(US_ASCII);
    /** So much of a plain request is read and forgotten, for the answer not to be lost with a reset. */
    private static final int MAX_FORGOTTEN = 256 << 10;

    private final Optional<ServerTls> tls;
    private final Duration limit;
    private final Map<Socket, Long> running = new ConcurrentHashMap<>();

    /**
     * Creates a setup.
     *
     * @param tls key and certificates; empty for plain text
     * @param limit how long it may take for a connection
     */
    ConnectionSetup(Optional<ServerTls> tls, Duration limit) {
        this.tls = tls;
        this.limit = limit;
    }

    /** Notes a connection, which is to be set up next. */
    void begin(Socket socket) {
        running.put(socket, System.nanoTime());
    }

    /** Notes that a connection has been set up, or won't be. */
    void end(Socket socket) {
        running.remove(socket);
    }

    /** Sets a connection up; empty where no requests will come. */
    Optional<HelidonSocket> run(Socket socket) {
        return tls.isPresent() ? run(socket, tls.get()) : Optional.of(PlainSocket.server(socket, id(socket), NAME));
    }

    private static String id(Socket socket) {
        return Integer.toString(socket.getPort());
    }

    private static Optional<HelidonSocket> run(Socket socket, ServerTls tls) {
        try {
            int first = socket.getInputStream().read();
            if (first == HANDSHAKE) {
                return Optional.of(TlsSocket.server(secure(socket, tls, first), id(socket), NAME));
            }
            if (first >= 'A' && first <= 'Z') {
                answerPlain(socket);
            }
            return Optional.empty();
        } catch (IOException | RuntimeException e) {
            LOGGER.log(Level.DEBUG,
                    () -> "TLS with " + socket.getRemoteSocketAddress() + " did not come about: " + e.getMessage());
            return Optional.empty();
        }
    }

    private static SSLSocket secure(Socket socket, ServerTls tls, int first) throws IOException {
        InputStream consumed = new ByteArrayInputStream(new byte[]{(byte) first});
        SSLSocket secured = (SSLSocket) tls.context().getSocketFactory().createSocket(socket, consumed, true);
        secured.setSSLParameters(tls.parameters(HTTP));
        secured.startHandshake();
        return secured;
    }

    private static void answerPlain(Socket socket) throws IOException {
        socket.getOutputStream().write(PLAIN_ANSWER);
        socket.shutdownOutput();
        InputStream in = socket.getInputStream();
        byte[] piece = new byte[8192];
        int forgotten = 0;
        for (int size = in.read(piece); size >= 0 && forgotten < MAX_FORGOTTEN; size = in.read(piece)) {
            forgotten += size;
        }
    }

    /** Returns whether no connection is being set up. */
    boolean isDone() {
        return running.isEmpty();
    }

    /** Drops the connections that take too long. */
    void check(long nowNanos) {
        running.forEach((socket, since) -> {
            if (nowNanos - since > limit.toNanos()) {
                drop(socket);
            }
        });
    }

    /** Drops all connections that are being set up. */
    void abort() {
        running.keySet().forEach(ConnectionSetup::drop);
    }

    /** The socket below TLS is closed: closing that of TLS would wait for who reads and writes. */
    static void drop(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            LOGGER.log(Level.TRACE, "connection is already gone", e);
        }
    }
}

package dev.nereid.tools.perf;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.UnknownHostException;
import org.jspecify.annotations.Nullable;

/**
 * A connection to the server that is opened when it is first needed and again when the server has closed it. One
 * request at a time, written in one piece.
 *
 * <p>Threads: one that sends, and any that calls {@link #close}, which ends a request under way.
 */
final class HttpConnection implements AutoCloseable {
    private static final int CONNECT_MILLIS = 10_000;

    private final Target target;
    private final HttpReply reply = new HttpReply();
    private @Nullable Socket current;
    private @Nullable InputStream in;
    private @Nullable OutputStream out;

    @GuardedBy("this")
    private @Nullable Socket socket;

    @GuardedBy("this")
    private boolean isClosed;

    HttpConnection(Target target) {
        this.target = target;
    }

    /**
     * Sends a request and reads the answer, which is valid until the next call. A server may close a connection that
     * had nothing to do just as a request is sent; such a request is sent once more, on a new connection.
     */
    HttpReply exchange(byte[] request) throws IOException {
        return exchange(request, (buffer, start, end) -> {
        });
    }

    /** Sends a request and reads the answer, of whose body {@code watcher} is told as it comes; else as the other. */
    HttpReply exchange(byte[] request, HttpReply.BodyWatcher watcher) throws IOException {
        boolean isReused = current != null;
        reply.reset();
        try {
            return exchangeOnce(request, watcher);
        } catch (IOException e) {
            disconnect();
            if (!isReused || reply.hasBegun()) {
                throw e;
            }
        }
        try {
            return exchangeOnce(request, watcher);
        } catch (IOException e) {
            disconnect();
            throw e;
        }
    }

    private HttpReply exchangeOnce(byte[] request, HttpReply.BodyWatcher watcher) throws IOException {
        if (current == null) {
            connect();
        }
        if (in == null || out == null) {
            throw new IOException("the connection is closed");
        }
        out.write(request);
        reply.read(in, watcher);
        if (!reply.staysOpen()) {
            disconnect();
        }
        return reply;
    }

    private void connect() throws IOException {
        Socket opened = new Socket();
        try {
            opened.setTcpNoDelay(true);
            opened.connect(new InetSocketAddress(target.host(), target.port()), CONNECT_MILLIS);
            synchronized (this) {
                if (isClosed) {
                    throw new IOException("the connection is closed");
                }
                socket = opened;
            }
            in = opened.getInputStream();
            out = opened.getOutputStream();
            current = opened;
        } catch (UnknownHostException e) {
            opened.close();
            throw new IOException("there is no host '" + target.host() + "'", e);
        } catch (IOException e) {
            opened.close();
            throw new IOException("can't connect to " + target + ": " + e.getMessage(), e);
        }
    }

    private void disconnect() {
        current = null;
        in = null;
        out = null;
        closeSocket(false);
    }

    private void closeSocket(boolean isFinal) {
        Socket open;
        synchronized (this) {
            open = socket;
            socket = null;
            isClosed |= isFinal;
        }
        if (open != null) {
            try {
                open.close();
            } catch (IOException e) {
                // Nothing more is wanted of it.
            }
        }
    }

    @Override
    public void close() {
        closeSocket(true);
    }
}

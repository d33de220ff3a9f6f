package dev.nereid.server.listener;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.List;

/** The client at the other end of a connection, for whoever handles its requests. Used by the connection's thread. */
public interface Client {
    /**
     * Says that the thread waits for something else from now on and reads nothing.
     *
     * @param cancel called, once at most and on another thread, when the client has gone meanwhile
     */
    void waits(Runnable cancel);

    /** Says that the wait is over. */
    void answered();

    /** Notes that a part of the current request's body has reached its handler. */
    void consumed();

    /** Returns whether the current request is one of HTTP/1.0. */
    boolean isHttp10();

    /** Returns whether the answer to the current request is to be the connection's last. */
    boolean endsWithAnswer();

    /** Sends a whole answer, head included, at once, in place of Helidon's response. */
    void send(byte[] bytes, int length);

    /**
     * Sends an answer, or the next part of one, in place of Helidon's response: first the bytes, then the memory, which
     * without TLS is sent from where it is.
     */
    void send(byte[] head, int length, List<MemorySegment> rest);

    /**
     * Reads what comes next of the current request's body, without TLS from the socket straight into off-heap memory.
     * Helidon, which it goes past, counts it with the next byte that its own stream is asked for; nothing of the body may
     * have been read there before.
     *
     * @param target takes one byte at least; has room for no more than what is left of the body, which is of an announced
     *        length
     * @throws io.helidon.webserver.CloseConnectionException when the client has gone
     */
    void read(ByteBuffer target);
}

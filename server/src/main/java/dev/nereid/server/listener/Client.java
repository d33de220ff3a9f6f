package dev.nereid.server.listener;

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
}

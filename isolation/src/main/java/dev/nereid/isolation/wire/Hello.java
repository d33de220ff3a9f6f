package dev.nereid.isolation.wire;

/**
 * The first frame of each connection, from the worker process.
 *
 * @param token names the process
 * @param lane the lane that the connection is for; {@link #CONTROL} for none
 */
public record Hello(String token, int lane) {
    /** The connection is the one for everything but the execution of batches. */
    public static final int CONTROL = -1;
}

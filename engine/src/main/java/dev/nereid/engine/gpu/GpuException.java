package dev.nereid.engine.gpu;

/** The driver refused something. The message is the driver's own, or says which function it lacks. */
public final class GpuException extends Exception {
    private static final long serialVersionUID = 1L;

    /** Creates it with what the driver says. */
    public GpuException(String message) {
        super(message);
    }
}

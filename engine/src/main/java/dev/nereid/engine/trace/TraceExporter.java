package dev.nereid.engine.trace;

/** Where finished traces go. Threads: any, several at once. */
public interface TraceExporter extends AutoCloseable {
    /** Returns where traces are kept, as it was given by who runs the server. */
    String destination();

    /** Takes the trace of a request that is answered. Must neither block nor throw: a client waits. */
    void export(RequestTrace trace);

    /** Brings away what is not yet, and ends. */
    @Override
    void close();
}

package dev.nereid.engine.trace;

import java.util.List;
import java.util.Map;

/** Where finished traces go. Threads: any, several at once. */
public interface TraceExporter extends AutoCloseable {
    /** Returns the name of the mode that this is, as the settings show it. */
    String mode();

    /** Returns the settings of this mode that can't be changed, as they are shown; each has one value or several. */
    Map<String, List<String>> settings();

    /** Returns whether traces belong to spans of clients, so that a request which names one is traced in any case. */
    boolean hasRemoteSpans();

    /** Takes the trace of a request that is answered. Must neither block nor throw: a client waits. */
    void export(RequestTrace trace);

    /** Brings away what is not yet, and ends. */
    @Override
    void close();
}

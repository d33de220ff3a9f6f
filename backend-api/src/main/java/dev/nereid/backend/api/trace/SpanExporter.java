package dev.nereid.backend.api.trace;

import dev.nereid.backend.api.Experimental;
import java.util.List;

/** Brings spans to another program. Threads: one at a time. */
@Experimental(since = "1.1")
public interface SpanExporter extends AutoCloseable {
    /**
     * Brings spans there, and waits until they have arrived or can't, with a limit of its own. No request waits for it.
     *
     * @return empty when they have arrived, else why they have not, in words for a log
     */
    String export(List<Span> spans);

    /** Ends the connections. */
    @Override
    void close();
}

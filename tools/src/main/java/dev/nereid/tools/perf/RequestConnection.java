package dev.nereid.tools.perf;

import java.io.IOException;
import java.util.Optional;

/** Sends requests, one at a time, each once the one before it is answered. For one thread, but for {@link #close}. */
interface RequestConnection extends AutoCloseable {
    /**
     * Sends a request and waits for its last answer.
     *
     * @param index which request
     * @param place its place in a sequence
     * @param times takes in when each answer came, where there may be several
     * @return what is wrong with an answer; nothing where all is well
     * @throws IOException when there is no answer
     */
    Optional<String> exchange(int index, SequencePlace place, ResponseTimes times) throws IOException;

    /** Ends the request that is under way, from any thread, and the connection. */
    @Override
    void close();
}

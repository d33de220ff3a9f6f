package dev.nereid.tools.perf;

import java.util.Optional;

/** Asks the server about a model, on a connection of its own. For one thread. */
interface ServerApi extends AutoCloseable {
    /**
     * Returns what the server says about the model.
     *
     * @throws PerfException when the server can't be asked, or does not know the model
     */
    ModelDescription describe();

    /** Returns what the server has counted; nothing where it does not count. */
    Optional<ServerTimes> statistics();

    @Override
    void close();
}

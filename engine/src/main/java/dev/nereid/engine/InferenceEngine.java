package dev.nereid.engine;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.embedded.EmbeddedEngine;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * Models, backends and their requests inside another program: the engine of the server, without a port. Threads: any.
 *
 * <p>Whoever creates an engine closes it; closing waits for running requests. The engine has threads of its own, for
 * instances and loading; they are daemons. It logs with {@code System.Logger} and binds no logging library.
 */
public interface InferenceEngine extends AutoCloseable {
    /**
     * Creates an engine; no model is loaded yet.
     *
     * @throws InferenceException when a repository is not a directory
     */
    static InferenceEngine create(EngineOptions options) {
        return EmbeddedEngine.create(options);
    }

    /**
     * Loads the models that the options ask for, several at a time, and returns when that is done. Returns the models that
     * failed, with the reason.
     */
    Map<String, InferenceException> start();

    /**
     * Returns the version that serves requests to a model now.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    ModelVersion version(String model, OptionalLong version);

    /**
     * Takes a request and returns at once. Requests of one thread to one version are queued in the order of its calls.
     *
     * @param listener gets the answers, from any thread, possibly before this returns
     * @throws InferenceException what is wrong with the request, or why it can't be taken; the listener gets nothing then
     */
    Ticket submit(Inference inference, ResponseListener listener);

    /**
     * Executes a request and waits for its one response, which is the caller's to close. The calling thread may execute the
     * model meanwhile, where that is faster.
     *
     * @throws InferenceException what is wrong with the request, or why it failed; UNSUPPORTED for a decoupled model
     */
    Response infer(Inference inference);

    /**
     * Loads a model, or loads it anew, and waits for that. The old versions serve until the new ones do.
     *
     * @throws InferenceException why it can't be loaded; what served before serves on. UNAVAILABLE outside explicit mode
     */
    void load(String model);

    /**
     * Unloads a model; its running requests are finished. An unknown one is fine.
     *
     * @throws InferenceException UNAVAILABLE outside explicit mode
     */
    void unload(String model);

    /** Returns what lies in the repositories now, and the state of each version. */
    List<ModelStatus> models();

    /** Returns whether all models that were asked for can serve. */
    boolean isReady();

    /** Does what {@link #closeWithin} does, within half a minute. */
    @Override
    void close();

    /**
     * Finishes running requests, up to a limit, and closes models and backends. Further calls do nothing.
     *
     * @return whether all requests have ended; else what they use, native memory included, stays until the process ends
     */
    boolean closeWithin(Duration limit);
}

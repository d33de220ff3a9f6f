package dev.nereid.backend.api;

/** A started backend. It lives until the server stops; its models come and go. */
public interface Backend extends AutoCloseable {
    /** Returns what this backend declares about itself. Asked once, right after creation. */
    default BackendAttributes attributes() {
        return BackendAttributes.DEFAULT;
    }

    /**
     * Creates a model: checks what the configuration says against the files, and loads what its instances share.
     * Several models may be created at once, from different threads.
     *
     * @throws InferenceException when the model can't be loaded; the message becomes the reason in the repository index
     */
    Model createModel(ModelContext context);

    /** Releases what the backend holds. Called once, after all its models are closed, when the server stops. */
    @Override
    default void close() {
    }
}

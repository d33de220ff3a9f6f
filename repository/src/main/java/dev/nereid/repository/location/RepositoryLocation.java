package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;

/** A place with models. Each call looks at the place as it is now. Threads: any. */
public interface RepositoryLocation extends AutoCloseable {
    /** Returns where it is, as it was given. */
    String name();

    /** Returns the directory, where it is one of the local file system. */
    Optional<Path> directory();

    /**
     * Returns the names of the models.
     *
     * @throws InferenceException when the place can't be read
     */
    Set<String> models();

    /**
     * Looks for a model.
     *
     * @return empty where there is none of that name
     * @throws InferenceException when the place can't be read
     */
    Optional<FoundModel> find(String model);

    /** Returns what is to be changed where this looks like something else than a place with models. */
    Optional<String> hint();

    /** Returns a text for clients: without where models of this place lie. */
    String withoutPlaces(String text);

    /** Returns whether a model's directory, as {@link FoundModel#fetch()} returned it, is of this place. */
    boolean holds(Path modelDirectory);

    /** Keeps a model's directory of this place, as it is, until the result is closed. */
    HeldDirectory hold(Path modelDirectory);

    /** Ends what is being fetched, and lets go of the place. */
    @Override
    void close();

    /** A model that is there. */
    interface FoundModel {
        /**
         * Returns a directory of the local file system with the model's files, after fetching them where necessary. The same
         * files are always in the same directory; others are in another one, unless the place is itself a directory.
         *
         * @throws InferenceException when they can't be fetched
         */
        Path fetch();

        /**
         * Returns why the same files could not be fetched a short while ago, for whoever asks again and again by itself; the
         * while grows with each failure.
         */
        default Optional<InferenceException> recentFailure() {
            return Optional.empty();
        }
    }
}

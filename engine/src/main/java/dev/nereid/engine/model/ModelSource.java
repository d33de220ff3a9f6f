package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.OverrideDirectory;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.RepositoryAgents;
import dev.nereid.repository.location.HeldDirectory;
import dev.nereid.repository.location.RepositoryLocation;
import java.nio.file.Path;

/**
 * Reads models from the repositories as loads ask for them. Threads: any. Every method throws an
 * {@link InferenceException} with the protocol's text.
 *
 * @param scratchDirectory where the files of load requests go
 */
record ModelSource(ModelRepository repository, Path scratchDirectory) {
    /** Keeps the files of a load request where backends find them. The directory is the caller's to close. */
    OverrideDirectory overrideDirectory(String name, LoadOverride override) {
        try {
            if (override.config().isEmpty()) {
                throw InferenceException
                        .invalid("Load parameter 'config' must be specified for model file override");
            }
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
        try {
            return OverrideDirectory.create(scratchDirectory, override.files());
        } catch (InferenceException e) {
            InferenceException failure = pollFailure(name, e);
            // A path that leads out of the model's directory is the client's mistake.
            throw e.code() == StatusCode.INVALID_ARG
                    ? new InferenceException(e.code(), failure.getMessage(), e)
                    : failure;
        }
    }

    /** Returns whether a model is on disk what it was. */
    boolean isUnchanged(String name, PolledModel before) {
        try {
            return repository.isUnchanged(before);
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    /** Reads a model as it is now in the repositories, with the configuration of a load request where it has one. */
    PolledModel poll(String name, LoadOverride override) {
        try {
            return override.config().isEmpty()
                    ? repository.poll(name)
                    : repository.poll(name, override.config().get());
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    /** Reads a model from the files of a load request. */
    PolledModel poll(String name, LoadOverride override, OverrideDirectory directory) {
        try {
            return repository.poll(name, override.config().orElse(""), directory);
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    /** Keeps the files that a model was read from until the result is closed. */
    HeldDirectory hold(PolledModel polled) {
        return repository.hold(polled);
    }

    /** Has a model's agents look at it. */
    void runAgents(String name, PolledModel polled) {
        try {
            RepositoryAgents.run(polled.config(), polled.directory());
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    /** The reference tells clients no more than the first half. Where the repositories lie is not theirs to know. */
    private InferenceException pollFailure(String name, InferenceException cause) {
        String detail = cause.getMessage();
        for (RepositoryLocation location : repository.locations()) {
            detail = location.withoutPlaces(detail);
        }
        return new InferenceException(StatusCode.INTERNAL,
                "failed to load '" + repository.name(name) + "', failed to poll from model repository: " + detail,
                cause);
    }
}

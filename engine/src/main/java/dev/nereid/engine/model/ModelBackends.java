package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.ModelIds;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds the backend of a model: in the version's directory, in the model's, then in those for all, as the reference does.
 * A backend in a model's directory is code that came with a model, so that it is used only where the operator allows it,
 * and never when it came with a load request.
 *
 * @param backends the backends for all
 * @param repository where models are
 * @param isAllowed whether a model may bring its backend along
 */
record ModelBackends(Backends backends, ModelRepository repository, boolean isAllowed) {
    private static final Logger LOGGER = System.getLogger(ModelBackends.class.getName());

    /** Returns what tells the metrics of a version from those of others. */
    static Map<String, String> labels(PolledModel model, long version) {
        String namespace = model.id().equals(model.name()) ? "" : ModelIds.namespace(model.id());
        return namespace.isEmpty()
                ? Map.of("model", model.name(), "version", Long.toString(version))
                : Map.of("model", model.name(), "namespace", namespace, "version", Long.toString(version));
    }

    /**
     * Returns the backend of a version, started.
     *
     * @throws InferenceException with what is wrong, when it can't be found or started
     */
    LoadedBackend of(PolledModel model, long version) {
        String name = model.config().getBackend();
        Optional<Path> jar = jar(model, version, name);
        if (jar.isEmpty()) {
            return backends.get(name);
        }
        if (isAllowed && repository.holds(model)) {
            return backends.startOwn(name, jar.get(), model.name(), labels(model, version));
        }
        String unused = "'" + name + ".jar' of model '" + model.name() + "' is not used: " + (isAllowed
                ? "it came with a load request, and backends are only taken from a repository"
                : "backends in model directories need the setting allow-model-backends");
        LOGGER.log(Level.WARNING, unused);
        try {
            return backends.get(name);
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), e.getMessage() + " (" + unused + ")", e);
        }
    }

    private static Optional<Path> jar(PolledModel model, long version, String name) {
        if (!Backends.isName(name)) {
            return Optional.empty();
        }
        String file = name + ".jar";
        for (String place : List.of(version + "/" + file, file)) {
            Path jar = model.directory().resolve(place);
            if (Files.isRegularFile(jar)) {
                return Optional.of(jar);
            }
        }
        return Optional.empty();
    }
}

package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.plugin.BackendHost;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.plugin.HostedBackend;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.ModelIds;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
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
 * @param host has backends work in other processes
 */
record ModelBackends(Backends backends, ModelRepository repository, boolean isAllowed, BackendHost host) {
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
            return start(model, version, jar);
        }
        if (isAllowed && repository.holds(model)) {
            return start(model, version, jar);
        }
        String unused = "'" + name + ".jar' of model '" + model.name() + "' is not used: " + (isAllowed
                ? "it came with a load request, and backends are only taken from a repository"
                : "backends in model directories need the setting allow-model-backends");
        LOGGER.log(Level.WARNING, unused);
        try {
            return start(model, version, Optional.empty());
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), e.getMessage() + " (" + unused + ")", e);
        }
    }

    /** Starts the backend where the model wants it: in another process, or in this one. */
    private LoadedBackend start(PolledModel model, long version, Optional<Path> jar) {
        String name = model.config().getBackend();
        Map<String, String> labels = labels(model, version);
        Map<String, String> parameters = new HashMap<>();
        model.config().getParametersMap().forEach((key, value) -> parameters.put(key, value.getStringValue()));
        BackendHost.Guest guest = new BackendHost.Guest(model.name(), model.id(), version, name, parameters, jar,
                labels);
        Optional<HostedBackend> hosted = host.host(guest);
        if (hosted.isPresent()) {
            return backends.hosted(name, hosted.get(), labels);
        }
        LoadedBackend here = jar.isPresent()
                ? backends.startOwn(name, jar.get(), model.name(), labels)
                : backends.get(name);
        return here.guardedBy(backend -> host.guard(guest, backend));
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

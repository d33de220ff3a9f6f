package dev.nereid.engine.plugin;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.stats.MetricFamily;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Lets backends work in other processes. It is asked with each load of a model version, from any thread, and closed after
 * all models and backends.
 */
public interface BackendHost extends AutoCloseable {
    /** The parameter of a model that says where its backend works. */
    String PARAMETER = "ISOLATION";

    /** Has every backend work in this process, and refuses models that ask for another. */
    BackendHost NONE = new BackendHost() {
        @Override
        public Optional<HostedBackend> host(Guest guest) {
            String asked = guest.parameters().getOrDefault(PARAMETER, "none");
            if (!asked.equals("none")) {
                throw InferenceException.unsupported("model '" + guest.model() + "' has parameter " + PARAMETER + " '"
                        + asked + "', but this program runs backends in its own process only; remove the parameter");
            }
            return Optional.empty();
        }

        @Override
        public Backend guard(Guest guest, Backend backend) {
            return backend;
        }

        @Override
        public List<MetricFamily> metrics() {
            return List.of();
        }

        @Override
        public void close() {
        }
    };

    /**
     * A model version that is about to be loaded.
     *
     * @param model the model's name
     * @param id the same with its namespace where there are any
     * @param version the version
     * @param backend the name of its backend
     * @param parameters the parameters of its configuration
     * @param jar the backend's jar, where it came with the model
     * @param labels what tells the version from others in metrics
     */
    record Guest(String model, String id, long version, String backend, Map<String, String> parameters,
            Optional<Path> jar, Map<String, String> labels) {
    }

    /**
     * Starts the backend of a model version in another process.
     *
     * @return what stands for it here; empty where it is to work in this process
     * @throws InferenceException with what is wrong
     */
    Optional<HostedBackend> host(Guest guest);

    /** Returns what is to be used in place of a backend that works in this process, which may be just that backend. */
    Backend guard(Guest guest, Backend backend);

    /** Returns the metrics of the other processes, and of what runs in them. */
    List<MetricFamily> metrics();

    /** Ends all processes. */
    @Override
    void close();
}

package dev.nereid.isolation;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.plugin.BackendHost.Guest;
import dev.nereid.engine.plugin.HostedBackend;
import dev.nereid.isolation.host.ProcessHost;
import dev.nereid.isolation.settings.IsolationSettings;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Shows the contract's tests a backend that works in another process; all its models share that. */
record RemoteFactory(BackendFactory target, Path backends) implements BackendFactory {
    @Override
    public String name() {
        return target.name();
    }

    @Override
    public ApiVersion builtFor() {
        return target.builtFor();
    }

    @Override
    public Backend create(BackendContext context) {
        BackendJars.write(target, backends);
        ProcessHost host = ProcessHost.create(
                IsolationSettings.of(Map.of("", Map.of("isolation", "process", "isolation-group", "contract",
                        "worker-options", "-XX:TieredStopAtLevel=1"))),
                List.of(backends), 64L << 20);
        HostedBackend first = host.host(guest("first", 1)).orElseThrow();
        return new Remote(host, first);
    }

    private Guest guest(String model, long version) {
        return new Guest(model, model, version, target.name(), Map.of(), Optional.empty(), Map.of("model", model));
    }

    private final class Remote implements Backend {
        private final ProcessHost host;
        private final HostedBackend first;

        Remote(ProcessHost host, HostedBackend first) {
            this.host = host;
            this.first = first;
        }

        @Override
        public BackendAttributes attributes() {
            return first.attributes();
        }

        @Override
        public Model createModel(ModelContext context) {
            HostedBackend backend = host.host(guest(context.name(), context.version())).orElseThrow();
            try {
                return new RemoteModel(backend, backend.createModel(context));
            } catch (RuntimeException | Error e) {
                backend.close();
                throw e;
            }
        }

        @Override
        public void close() {
            first.close();
            host.close();
        }
    }

    /** Gives its seat up when it is closed, as the engine has it. */
    private record RemoteModel(Backend backend, Model model) implements Model {
        @Override
        public Optional<ModelConfig> completedConfig() {
            return model.completedConfig();
        }

        @Override
        public Optional<BatchingStrategy> batchingStrategy() {
            return model.batchingStrategy();
        }

        @Override
        public ModelInstance createInstance(InstanceContext context) {
            return model.createInstance(context);
        }

        @Override
        public List<MemoryUsage> memoryUsage() {
            return model.memoryUsage();
        }

        @Override
        public void close() {
            model.close();
            backend.close();
        }
    }
}

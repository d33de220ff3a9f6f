package dev.nereid.isolation.child;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.memory.LibraryPages;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.engine.stats.BackendMetrics;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.Lane;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** A backend and the model that it loads for the server. Threads: any. */
final class WorkerSeat {
    /** By then instances are there and were warmed up. */
    private static final Duration AFTER_LOAD = Duration.ofSeconds(10);

    private final Control.StartBackend start;
    private final LoadedBackend backend;
    private final Backends backends;
    private final WorkerLink link;
    private volatile @Nullable Loaded loaded;

    /** The model, and what goes with it. */
    private record Loaded(String who, Model model, BackendMetrics.Owned metrics) {
    }

    private WorkerSeat(Control.StartBackend start, LoadedBackend backend, Backends backends, WorkerLink link) {
        this.start = start;
        this.backend = backend;
        this.backends = backends;
        this.link = link;
    }

    /**
     * Starts the backend.
     *
     * @throws InferenceException with what is wrong
     */
    static WorkerSeat start(Control.StartBackend start, Backends backends, WorkerLink link) {
        LoadedBackend backend = start.jar().isPresent()
                ? backends.startOwn(start.backend(), Path.of(start.jar().get()), start.model(), start.labels())
                : backends.get(start.backend());
        return new WorkerSeat(start, backend, backends, link);
    }

    BackendAttributes attributes() {
        return backend.attributes();
    }

    ClassLoader classLoader() {
        return backend.classLoader();
    }

    /** Loads the model. */
    Control.Loaded load(Control.Load load) {
        String who = "model '" + load.name() + "'";
        BackendMetrics.Owned metrics = backends.metrics().of(who, start.labels());
        Context context = new Context(load.name(), load.version(), Path.of(load.modelDirectory()),
                Path.of(load.versionDirectory()), load.config(), load.autoComplete(),
                link.calls().callsOf(load.seat()), metrics);
        try {
            Model model = PluginCalls.call(who, "load", classLoader(), () -> backend.backend().createModel(context));
            loaded = new Loaded(who, model, metrics);
            CompletableFuture.delayedExecutor(AFTER_LOAD.toMillis(), TimeUnit.MILLISECONDS)
                    .execute(LibraryPages::release);
            return new Control.Loaded(load.autoComplete()
                    ? PluginCalls.call(who, "complete its configuration", classLoader(), model::completedConfig)
                    : Optional.empty());
        } catch (InferenceException e) {
            if (loaded == null) {
                metrics.close();
            }
            throw e;
        }
    }

    private Loaded loaded() {
        Loaded current = loaded;
        if (current == null) {
            throw InferenceException.unavailable("model '" + start.model() + "' is not loaded");
        }
        return current;
    }

    boolean hasStrategy() {
        Optional<BatchingStrategy> strategy = PluginCalls.call(loaded().who(), "say how it batches", classLoader(),
                loaded().model()::batchingStrategy);
        return strategy.isPresent();
    }

    List<MemoryUsage> memoryUsage() {
        return PluginCalls.call(loaded().who(), "say how much memory it uses", classLoader(),
                loaded().model()::memoryUsage);
    }

    /** Creates an instance, on the current thread, which will drive it. */
    ModelInstance createInstance(Lane.Create create) {
        return PluginCalls.<ModelInstance>call("instance '" + create.name() + "'", "be created", classLoader(),
                () -> loaded().model().createInstance(new WorkerInstance.Context(create)));
    }

    void closeModel() {
        Loaded current = loaded;
        loaded = null;
        if (current != null) {
            PluginCalls.close(current.who(), classLoader(), current.model());
            current.metrics().close();
        }
    }

    void end() {
        closeModel();
        backend.releaseModel();
    }

    private record Context(String name, long version, Path modelDirectory, Path versionDirectory, ModelConfig config,
            boolean autoComplete, ModelCalls models, Metrics metrics) implements ModelContext {
    }
}

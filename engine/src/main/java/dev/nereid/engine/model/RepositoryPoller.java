package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.PollResult;
import dev.nereid.repository.PolledModel;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** Looks at the repositories again and again, and loads and unloads what changed. One thread. */
final class RepositoryPoller implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(RepositoryPoller.class.getName());

    private final ModelRepository repository;
    private final ModelLifecycle lifecycle;
    private final Dependencies dependencies;
    private final ScheduledExecutorService timer;

    private RepositoryPoller(ModelRepository repository, ModelLifecycle lifecycle, Dependencies dependencies) {
        this.repository = repository;
        this.lifecycle = lifecycle;
        this.dependencies = dependencies;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-repository-poll").daemon(true).factory());
    }

    static RepositoryPoller start(ModelRepository repository, ModelLifecycle lifecycle, Dependencies dependencies,
            Duration interval) {
        RepositoryPoller poller = new RepositoryPoller(repository, lifecycle, dependencies);
        // Never fails: poll() logs what goes wrong.
        var _ = poller.timer.scheduleWithFixedDelay(poller::poll, interval.toMillis(), interval.toMillis(),
                TimeUnit.MILLISECONDS);
        return poller;
    }

    /** Looks once. */
    void poll() {
        try {
            Map<String, PolledModel> known = lifecycle.attempted();
            PollResult result = repository.pollAll(known);
            result.failed().forEach((name, failure) -> LOGGER.log(Level.WARNING,
                    () -> "failed to poll model '" + name + "': " + failure.getMessage()));
            Set<String> gone = new HashSet<>(known.keySet());
            gone.removeAll(repository.list().keySet());
            // Which of two models of one name is meant, nobody can tell: neither is served.
            result.duplicates().stream().filter(known::containsKey).forEach(gone::add);
            gone.forEach(dependencies::forget);
            result.added().keySet().forEach(this::load);
            result.modified().keySet().forEach(this::load);
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING, e::getMessage);
        } catch (RuntimeException e) {
            LOGGER.log(Level.ERROR, "polling the model repository failed", e);
        }
    }

    private void load(String name) {
        try {
            dependencies.load(name, LoadOverride.NONE);
        } catch (InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> "model '" + name + "' stays as it is");
        }
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}

package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.EngineOptions.LoadOptions;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.model.ModelCatalog.Version;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.OverrideDirectory;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.location.HeldDirectory;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * Loads, re-loads and unloads models, which are known by their ids.
 *
 * <p>Loads of one model run one after the other, under the load lock of its slot, which is taken before a load thread is,
 * so that many loads of one model don't keep others from loading; different models load side by side on a few platform
 * threads. A re-load creates the new versions while the old ones serve, switches over, and then drains the old ones; when
 * it fails, the old ones stay. Where only instance groups or the version policy changed, versions stay and only their
 * instances change. An unload takes its turn among the loads: one that comes while the model loads waits until that is
 * done. The end of the server waits for nobody: what a load has made by then is thrown away.
 *
 * <p>Plugins are never called under a slot's monitor.
 */
final class ModelLifecycle implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(ModelLifecycle.class.getName());
    /** So much of the time for a stop is kept for what follows the last answers, if a quarter of it is not less. */
    private static final Duration AFTER_ANSWERS = Duration.ofSeconds(1);

    private final ModelSource source;
    private final ModelCatalog catalog;
    private final VersionLoader loader;
    private final Runnable afterLoad;
    private final int retries;
    private final ExecutorService loadThreads;
    private final Retirement retirement;
    private final VersionSwitch versions;
    private final ConcurrentMap<String, ModelSlot> slots = new ConcurrentHashMap<>();
    private volatile boolean isClosing;

    /**
     * Creates it without models.
     *
     * @param scratchDirectory where the files of load requests go
     * @param afterLoad runs when a load has ended, however it did, under the model's load lock: it must be short
     */
    ModelLifecycle(ModelRepository repository, ModelCatalog catalog, VersionLoader loader, Path scratchDirectory,
            LoadOptions options, Runnable afterLoad) {
        this.source = new ModelSource(repository, scratchDirectory);
        this.catalog = catalog;
        this.loader = loader;
        this.afterLoad = afterLoad;
        this.retries = options.retries();
        this.retirement = new Retirement(catalog, options.unloadTimeout());
        this.versions = new VersionSwitch(catalog, loader, retirement, () -> isClosing);
        this.loadThreads = Executors.newFixedThreadPool(options.threads(),
                Thread.ofPlatform().name("nereid-load-", 0).daemon(true).factory());
    }

    /**
     * Loads a model, or re-loads it where something changed; returns when its versions are ready. Returns whether other
     * versions than before serve.
     *
     * @throws InferenceException with the protocol's text
     */
    boolean load(String name, LoadOverride override) {
        while (true) {
            ModelSlot slot = slots.computeIfAbsent(name, ignored -> new ModelSlot());
            slot.loadLock.lock();
            try {
                // The slot may have been forgotten while another load held it.
                if (slots.get(name) == slot) {
                    return await(name, loadThreads.submit(() -> loadWithRetries(name, slot, override)));
                }
            } catch (RejectedExecutionException _) {
                throw LoadErrors.stopping();
            } finally {
                afterLoad.run();
                forgetUnused(name, slot);
                slot.loadLock.unlock();
            }
        }
    }

    /** Nothing is kept of names that no repository has: clients may ask for any. */
    private void forgetUnused(String name, ModelSlot slot) {
        synchronized (slot) {
            if (slot.attempted == null) {
                slots.remove(name, slot);
            }
        }
    }

    private static boolean await(String name, Future<Boolean> result) {
        boolean interrupted = false;
        try {
            while (true) {
                try {
                    return result.get();
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    if (e.getCause() instanceof InferenceException failure) {
                        throw failure;
                    }
                    LOGGER.log(Level.ERROR, "loading model '" + name + "' failed", e.getCause());
                    throw new InferenceException(StatusCode.INTERNAL,
                            "failed to load '" + name + "'; the server's log has the details", e);
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private boolean loadWithRetries(String name, ModelSlot slot, LoadOverride override) {
        for (int attempt = 0;; attempt++) {
            try {
                return loadOnce(name, slot, override);
            } catch (InferenceException e) {
                LOGGER.log(Level.ERROR, e::getMessage);
                if (attempt >= retries) {
                    throw e;
                }
            }
        }
    }

    private boolean loadOnce(String name, ModelSlot slot, LoadOverride override) {
        if (isClosing) {
            throw LoadErrors.stopping();
        }
        PolledModel before;
        synchronized (slot) {
            before = slot.source;
        }
        if (override.isEmpty() && before != null && before.isOverride() && isServing(name, before)
                && source.isUnchanged(name, before)) {
            // As in the reference: a configuration that came with a request stays until something changes on disk.
            return false;
        }
        HeldDirectory directory = null;
        boolean keepsDirectory = false;
        try {
            PolledModel polled;
            if (override.files().isEmpty()) {
                polled = source.poll(name, override);
                directory = source.hold(polled);
            } else {
                OverrideDirectory own = source.overrideDirectory(name, override);
                directory = own;
                polled = source.poll(name, override, own);
            }
            synchronized (slot) {
                slot.attempted = polled;
            }
            polled.warnings().forEach(warning -> LOGGER.log(Level.WARNING, warning));
            if (before != null && polled.isUnmodifiedSince(before) && isServing(name, polled)) {
                catalog.updateKnown(name, old -> old.withoutFailuresBut(polled.versions()));
                return false;
            }
            source.runAgents(name, polled);
            checkModels(polled);
            boolean isOther = versions.load(polled, before, slot, directory);
            keepsDirectory = true;
            return isOther;
        } finally {
            if (directory != null && !keepsDirectory) {
                directory.close();
            }
        }
    }

    /** An ensemble that does not fit its models is refused before anybody sees a version of it. */
    private void checkModels(PolledModel polled) {
        if (polled.versions().isEmpty()) {
            return;
        }
        try {
            loader.checkModels(polled);
            catalog.accepted(polled.id());
        } catch (InferenceException e) {
            catalog.refused(polled.id(), e.getMessage());
            throw LoadErrors.failed(polled.name(), e);
        }
    }

    /**
     * Loads an ensemble again as it was last loaded or tried, since one of its models is another one now; the old versions
     * serve until the new ones do. Where it does not fit any longer, it is unloaded. Returns whether anything changed.
     */
    boolean reload(String name) {
        ModelSlot slot = slots.get(name);
        if (slot == null) {
            return false;
        }
        slot.loadLock.lock();
        try {
            return await(name, loadThreads.submit(() -> reloadOnce(name, slot)));
        } catch (RejectedExecutionException e) {
            return false;
        } finally {
            afterLoad.run();
            slot.loadLock.unlock();
        }
    }

    private boolean reloadOnce(String name, ModelSlot slot) {
        PolledModel known;
        HeldDirectory directory;
        synchronized (slot) {
            known = slot.attempted;
            directory = slot.directory;
        }
        if (known == null || isClosing) {
            return false;
        }
        try {
            checkModels(known);
            return versions.load(known, null, slot, directory);
        } catch (InferenceException e) {
            LOGGER.log(Level.ERROR, e::getMessage);
            boolean wasServing = !catalog.find(name).orElse(Snapshot.EMPTY).ready().isEmpty();
            if (wasServing) {
                // Whoever asked for this holds the load lock.
                Retirement.await(unload(name, slot));
            }
            return wasServing;
        }
    }

    private boolean isServing(String name, PolledModel polled) {
        Snapshot snapshot = catalog.find(name).orElse(Snapshot.EMPTY);
        // One whose process has ended is loaded anew, rather than left to wait for its next start.
        List<Long> ready = snapshot.ready().stream().filter(version -> version.outage().isEmpty())
                .map(ServedVersion::version).toList();
        return ready.equals(polled.versions());
    }

    /**
     * Unloads a model: requests are refused at once, running ones finish. Waits until the model is loaded, where it is
     * loading. Does nothing for an unknown model.
     */
    void unload(String name) {
        unloadInTurn(name, false);
    }

    private void unloadInTurn(String name, boolean isGone) {
        ModelSlot slot = slots.get(name);
        while (slot != null) {
            CountDownLatch closed = null;
            slot.loadLock.lock();
            try {
                // The slot may have been forgotten while a load held it.
                if (slots.get(name) == slot) {
                    closed = unload(name, slot);
                    if (isGone) {
                        catalog.retire(name);
                        slots.remove(name, slot);
                    }
                }
            } finally {
                slot.loadLock.unlock();
            }
            if (closed != null) {
                Retirement.await(closed);
                return;
            }
            slot = slots.get(name);
        }
    }

    private CountDownLatch unload(String name, ModelSlot slot) {
        List<ServedVersion> retired;
        HeldDirectory directory;
        synchronized (slot) {
            slot.source = null;
            directory = slot.directory;
            slot.directory = null;
            retired = catalog.find(name).orElse(Snapshot.EMPTY).ready();
            List<ServedVersion> unloading = retired;
            unloading.forEach(catalog::leaves);
            catalog.update(name, old -> old.with(unloading.stream()
                    .map(version -> Version.of(version.version(), VersionState.UNLOADING, "")).toList()));
        }
        return retirement.retire(name, retired, directory);
    }

    /**
     * Ends all requests that their backends answer later, now and from here on, and all sequences: there is no more time for
     * them.
     */
    void endLate() {
        InferenceException reason = InferenceException
                .unavailable("the server is stopping, and the model did not answer the request in time");
        catalog.all().values().forEach(snapshot -> snapshot.ready().forEach(version -> version.endLate(reason)));
        retirement.endLate(reason);
    }

    /** Unloads a model whose directory is gone. Nothing is left of it but that it once was there. */
    void forget(String name) {
        unloadInTurn(name, true);
    }

    /** Returns for each model what was last tried to load, whether it worked or not. */
    Map<String, PolledModel> attempted() {
        Map<String, PolledModel> attempted = new TreeMap<>();
        slots.forEach((name, slot) -> {
            synchronized (slot) {
                if (slot.attempted != null) {
                    attempted.put(name, slot.attempted);
                }
            }
        });
        return attempted;
    }

    /** Unloads everything and waits for it, up to a limit. Returns whether all models were closed in time. */
    boolean closeWithin(Duration limit) {
        long deadline = System.nanoTime() + limit.toNanos();
        isClosing = true;
        List<CountDownLatch> latches = new ArrayList<>();
        slots.forEach((name, slot) -> {
            List<ServedVersion> ready;
            synchronized (slot) {
                slot.source = null;
                ready = catalog.find(name).orElse(Snapshot.EMPTY).ready();
                ready.forEach(catalog::leaves);
                catalog.update(name, old -> old.with(ready.stream()
                        .map(version -> Version.of(version.version(), VersionState.UNLOADING, "")).toList()));
                latches.add(retirement.retire(name, ready, slot.directory));
                slot.directory = null;
            }
        });
        loadThreads.shutdown();
        boolean allClosed = true;
        Duration kept = limit.dividedBy(4).compareTo(AFTER_ANSWERS) < 0 ? limit.dividedBy(4) : AFTER_ANSWERS;
        Thread reminder = Retirement.after(limit.minus(kept), this::endLate);
        try {
            // A load that is under way throws away what it made; backends must not be closed before.
            allClosed = loadThreads.awaitTermination(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            for (CountDownLatch latch : latches) {
                allClosed &= latch.await(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            }
            // Versions that a re-load has just replaced, and instances that are no longer needed, are closed there, too.
            allClosed &= retirement.awaitEnd(deadline);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            allClosed = false;
        } finally {
            reminder.interrupt();
        }
        return allClosed;
    }

    @Override
    public void close() {
        loadThreads.shutdown();
        retirement.close();
    }
}

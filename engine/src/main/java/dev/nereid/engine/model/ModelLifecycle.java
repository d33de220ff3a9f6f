package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.NativeHeap;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.model.ModelCatalog.Version;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.OverrideDirectory;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.config.RepositoryAgents;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Loads, re-loads and unloads models.
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
    /** How long an unload waits for an idle model to be gone, so that a client which asks next sees it gone. */
    private static final Duration UNLOAD_GRACE = Duration.ofSeconds(1);
    /** How long versions that are unloaded wait for requests which their backend answers later, and for sequences. */
    private static final Duration LATE_LIMIT = Duration.ofMinutes(5);
    /** So much of the time for a stop is kept for what follows the last answers, if a quarter of it is not less. */
    private static final Duration AFTER_ANSWERS = Duration.ofSeconds(1);
    private static final String STOPPING = "Server is stopping";

    private final ModelRepository repository;
    private final ModelCatalog catalog;
    private final VersionLoader loader;
    private final Path scratchDirectory;
    private final int retries;
    private final ExecutorService loadThreads;
    private final ExecutorService unloadThreads;
    private final ConcurrentMap<String, Slot> slots = new ConcurrentHashMap<>();
    /** Versions that wait for their last requests or close. */
    private final Set<ServedVersion> closing = ConcurrentHashMap.newKeySet();
    private volatile Duration lateLimit = LATE_LIMIT;
    private volatile boolean isClosing;

    /** What is known of one model beside its versions. */
    private static final class Slot {
        /** Held while the model is loaded. */
        private final ReentrantLock loadLock = new ReentrantLock(true);
        /** Guarded by the slot itself: what the serving versions were loaded from. */
        private @Nullable PolledModel source;
        /** Guarded by the slot itself: what was last tried, so that polling does not try it again and again. */
        private @Nullable PolledModel attempted;
        /** Guarded by the slot itself: the files of a load request, as long as they are in use. */
        private @Nullable OverrideDirectory overrideDirectory;
    }

    /**
     * Creates it without models.
     *
     * @param scratchDirectory where the files of load requests go
     * @param loadThreads how many models load at the same time
     * @param retries how often a failed load is tried again
     */
    ModelLifecycle(ModelRepository repository, ModelCatalog catalog, VersionLoader loader, Path scratchDirectory,
            int loadThreads, int retries) {
        this.repository = repository;
        this.catalog = catalog;
        this.loader = loader;
        this.scratchDirectory = scratchDirectory;
        this.retries = retries;
        this.loadThreads = Executors.newFixedThreadPool(loadThreads,
                Thread.ofPlatform().name("nereid-load-", 0).daemon(true).factory());
        this.unloadThreads = Executors.newCachedThreadPool(
                Thread.ofPlatform().name("nereid-unload-", 0).daemon(true).factory());
    }

    /**
     * Loads a model, or re-loads it where something changed; returns when its versions are ready. Returns whether other
     * versions than before serve.
     *
     * @throws InferenceException with the protocol's text
     */
    boolean load(String name, LoadOverride override) {
        while (true) {
            Slot slot = slots.computeIfAbsent(name, ignored -> new Slot());
            slot.loadLock.lock();
            try {
                // The slot may have been forgotten while another load held it.
                if (slots.get(name) == slot) {
                    return await(name, loadThreads.submit(() -> loadWithRetries(name, slot, override)));
                }
            } catch (RejectedExecutionException e) {
                throw stopping(e);
            } finally {
                forgetUnused(name, slot);
                slot.loadLock.unlock();
            }
        }
    }

    private static InferenceException stopping(RejectedExecutionException cause) {
        return new InferenceException(StatusCode.UNAVAILABLE, STOPPING, cause);
    }

    /** Nothing is kept of names that no repository has: clients may ask for any. */
    private void forgetUnused(String name, Slot slot) {
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

    private boolean loadWithRetries(String name, Slot slot, LoadOverride override) {
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

    private boolean loadOnce(String name, Slot slot, LoadOverride override) {
        if (isClosing) {
            throw InferenceException.unavailable(STOPPING);
        }
        PolledModel before;
        synchronized (slot) {
            before = slot.source;
        }
        if (override.isEmpty() && before != null && before.isOverride() && isServing(name, before)
                && isUnchanged(name, before)) {
            // As in the reference: a configuration that came with a request stays until something changes on disk.
            return false;
        }
        OverrideDirectory directory = null;
        boolean keepsDirectory = false;
        try {
            if (!override.files().isEmpty()) {
                directory = overrideDirectory(name, override);
            }
            PolledModel polled = poll(name, override, directory);
            synchronized (slot) {
                slot.attempted = polled;
            }
            polled.warnings().forEach(warning -> LOGGER.log(Level.WARNING, warning));
            if (before != null && polled.isUnmodifiedSince(before) && isServing(name, polled)) {
                catalog.updateKnown(name, old -> old.withoutFailuresBut(polled.versions()));
                return false;
            }
            runAgents(name, polled);
            checkModels(polled);
            boolean isOther = loadVersions(name, polled, before, slot, directory);
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
            catalog.accepted(polled.name());
        } catch (InferenceException e) {
            catalog.refused(polled.name(), e.getMessage());
            throw loadFailure(polled.name(), e);
        }
    }

    /**
     * Loads an ensemble again as it was last loaded or tried, since one of its models is another one now; the old versions
     * serve until the new ones do. Where it does not fit any longer, it is unloaded. Returns whether anything changed.
     */
    boolean reload(String name) {
        Slot slot = slots.get(name);
        if (slot == null) {
            return false;
        }
        slot.loadLock.lock();
        try {
            return await(name, loadThreads.submit(() -> reloadOnce(name, slot)));
        } catch (RejectedExecutionException e) {
            return false;
        } finally {
            slot.loadLock.unlock();
        }
    }

    private boolean reloadOnce(String name, Slot slot) {
        PolledModel known;
        OverrideDirectory directory;
        synchronized (slot) {
            known = slot.attempted;
            directory = slot.overrideDirectory;
        }
        if (known == null || isClosing) {
            return false;
        }
        try {
            checkModels(known);
            return loadVersions(name, known, null, slot, directory);
        } catch (InferenceException e) {
            LOGGER.log(Level.ERROR, e::getMessage);
            boolean wasServing = !catalog.find(name).orElse(Snapshot.EMPTY).ready().isEmpty();
            if (wasServing) {
                // Whoever asked for this holds the load lock.
                awaitUnload(unload(name, slot));
            }
            return wasServing;
        }
    }

    private OverrideDirectory overrideDirectory(String name, LoadOverride override) {
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

    private boolean isUnchanged(String name, PolledModel before) {
        try {
            return repository.isUnchanged(before);
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    private PolledModel poll(String name, LoadOverride override, @Nullable OverrideDirectory directory) {
        try {
            if (override.config().isEmpty()) {
                return repository.poll(name);
            }
            return directory == null
                    ? repository.poll(name, override.config().get())
                    : repository.poll(name, override.config().get(), directory);
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    private void runAgents(String name, PolledModel polled) {
        try {
            RepositoryAgents.run(polled.config(), polled.directory());
        } catch (InferenceException e) {
            throw pollFailure(name, e);
        }
    }

    /** The reference tells clients no more than the first half. Where the repositories lie is not theirs to know. */
    private InferenceException pollFailure(String name, InferenceException cause) {
        String detail = cause.getMessage();
        for (Path location : repository.locations()) {
            detail = detail.replace(location + "/", "");
        }
        return new InferenceException(StatusCode.INTERNAL,
                "failed to load '" + name + "', failed to poll from model repository: " + detail, cause);
    }

    private boolean isServing(String name, PolledModel polled) {
        Snapshot snapshot = catalog.find(name).orElse(Snapshot.EMPTY);
        List<Long> ready = snapshot.ready().stream().map(ServedVersion::version).toList();
        return ready.equals(polled.versions());
    }

    /**
     * Loads the selected versions and switches over; the model uses {@code directory} from then on. Returns whether other
     * versions than before serve.
     */
    private boolean loadVersions(String name, PolledModel polled, @Nullable PolledModel before, Slot slot,
            @Nullable OverrideDirectory directory) {
        if (polled.versions().isEmpty()) {
            catalog.update(name, old -> old);
            polled.hint().ifPresent(hint -> LOGGER.log(Level.ERROR, hint));
            throw loadFailure(name, InferenceException.invalid(
                    "at least one version must be available under the version policy of model '" + name + "'"));
        }
        catalog.update(name, old -> old.with(polled.versions().stream()
                .filter(version -> old.find(version).map(found -> found.state() != VersionState.READY).orElse(true))
                .map(version -> Version.of(version, VersionState.LOADING, "")).toList()));
        Made made = new Made(new ArrayList<>(), new ArrayList<>());
        Map<Long, InferenceException> failures = new TreeMap<>();
        for (long version : polled.versions()) {
            try {
                Optional<ServedVersion> kept = before == null ? Optional.empty() : kept(name, version, polled, before);
                if (kept.isPresent()) {
                    LOGGER.log(Level.INFO, () -> "updating instances: " + name + ":" + version);
                    made.updates().add(loader.update(kept.get(), polled));
                } else {
                    LOGGER.log(Level.INFO, () -> "loading: " + name + ":" + version);
                    made.loaded().add(loader.load(polled, version));
                }
            } catch (InferenceException e) {
                failures.put(version, e);
            } catch (RuntimeException | Error e) {
                // A mistake of ours, or memory is exhausted: the model must not seem to be loading for ever.
                LOGGER.log(Level.ERROR, "loading model '" + name + "' version " + version + " failed", e);
                failures.put(version, InferenceException
                        .internal("model '" + name + "' failed to load; the server's log has the details"));
            }
        }
        if (!failures.isEmpty()) {
            abandon(name, polled, made, failures);
            throw loadFailure(name, failures);
        }
        OverrideDirectory oldDirectory = null;
        List<ServedVersion> replaced = List.of();
        boolean isOutdated;
        synchronized (slot) {
            isOutdated = isClosing;
            if (!isOutdated) {
                List<Long> kept = made.updates().stream().map(update -> update.updated().version()).toList();
                replaced = catalog.find(name).orElse(Snapshot.EMPTY).ready().stream()
                        .filter(version -> !kept.contains(version.version())).toList();
                publish(polled, made, replaced);
                slot.source = polled;
                oldDirectory = slot.overrideDirectory == directory ? null : slot.overrideDirectory;
                slot.overrideDirectory = directory;
            }
        }
        if (isOutdated) {
            abandon(name, polled, made, Map.of());
            throw InferenceException.unavailable(STOPPING);
        }
        made.loaded().forEach(version -> LOGGER.log(Level.INFO, () -> "successfully loaded '" + name + "' version "
                + version.version() + " in " + version.loadTime().toMillis() + " ms"));
        if (!made.updates().isEmpty()) {
            inBackground(() -> made.updates().forEach(VersionUpdate::finish));
        }
        retire(name, replaced, oldDirectory);
        return !made.loaded().isEmpty() || !replaced.isEmpty();
    }

    /** What a load has made and not yet put into service. */
    private record Made(List<ServedVersion> loaded, List<VersionUpdate> updates) {
    }

    /**
     * Returns the version as it serves now, where it may go on with other instances. A load that changes neither
     * instances nor version policy was meant to load again.
     */
    private Optional<ServedVersion> kept(String name, long version, PolledModel polled, PolledModel before) {
        if (!polled.keepsVersionOf(before, version)) {
            return Optional.empty();
        }
        boolean hasOtherPolicy = !polled.config().getVersionPolicy().equals(before.config().getVersionPolicy());
        return catalog.find(name).orElse(Snapshot.EMPTY).ready().stream()
                .filter(served -> served.version() == version)
                .filter(served -> hasOtherPolicy || loader.hasOtherInstances(served, polled)).findFirst();
    }

    private void publish(PolledModel polled, Made made, List<ServedVersion> replaced) {
        replaced.forEach(catalog::leaves);
        made.updates().forEach(VersionUpdate::apply);
        catalog.update(polled.name(), old -> {
            List<Version> changed = new ArrayList<>();
            replaced.forEach(version -> changed.add(
                    Version.of(version.version(), VersionState.UNLOADING, "")));
            made.updates().forEach(update -> changed.add(Version.ready(update.updated())));
            Snapshot without = old.with(changed);
            return without.with(made.loaded().stream().map(Version::ready).toList())
                    .withoutFailuresBut(polled.versions());
        });
    }

    /** Closes what a failed load made and notes why. Versions that serve stay as they are. */
    private void abandon(String name, PolledModel polled, Made made, Map<Long, InferenceException> failures) {
        made.loaded().forEach(ServedVersion::close);
        made.updates().forEach(VersionUpdate::discard);
        catalog.updateKnown(name, old -> old.with(polled.versions().stream()
                .filter(version -> old.find(version).map(found -> found.state() == VersionState.LOADING).orElse(true))
                .map(version -> {
                    InferenceException failure = failures.get(version);
                    return Version.of(version, VersionState.UNAVAILABLE,
                            failure == null ? ModelCatalog.UNLOADED : failure.reason());
                }).toList()));
        NativeHeap.trim();
    }

    private static InferenceException loadFailure(String name, Map<Long, InferenceException> failures) {
        StringBuilder text = new StringBuilder();
        failures.forEach((version, failure) -> text.append("version ").append(version)
                .append(" is at UNAVAILABLE state: ").append(failure.reason()).append(';'));
        return loadFailure(name, InferenceException.invalid(text.toString()));
    }

    /** Returns the protocol's error for a model that can't be loaded. */
    static InferenceException loadFailure(String name, InferenceException cause) {
        return new InferenceException(StatusCode.INVALID_ARG,
                "load failed for model '" + name + "': " + cause.getMessage() + "\n", cause);
    }

    /**
     * Unloads a model: requests are refused at once, running ones finish. Waits until the model is loaded, where it is
     * loading. Does nothing for an unknown model.
     */
    void unload(String name) {
        unloadInTurn(name, false);
    }

    private void unloadInTurn(String name, boolean isGone) {
        Slot slot = slots.get(name);
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
                awaitUnload(closed);
                return;
            }
            slot = slots.get(name);
        }
    }

    private static void awaitUnload(CountDownLatch closed) {
        try {
            boolean ignored = closed.await(UNLOAD_GRACE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private CountDownLatch unload(String name, Slot slot) {
        List<ServedVersion> retired;
        OverrideDirectory directory;
        synchronized (slot) {
            slot.source = null;
            directory = slot.overrideDirectory;
            slot.overrideDirectory = null;
            retired = catalog.find(name).orElse(Snapshot.EMPTY).ready();
            List<ServedVersion> unloading = retired;
            unloading.forEach(catalog::leaves);
            catalog.update(name, old -> old.with(unloading.stream()
                    .map(version -> Version.of(version.version(), VersionState.UNLOADING, "")).toList()));
        }
        return retire(name, retired, directory);
    }

    /** Drains and closes versions in the background. */
    private CountDownLatch retire(String name, List<ServedVersion> versions,
            @Nullable OverrideDirectory directory) {
        CountDownLatch closed = new CountDownLatch(1);
        closing.addAll(versions);
        versions.forEach(ServedVersion::leave);
        inBackground(() -> {
            try {
                for (ServedVersion version : versions) {
                    close(version);
                    catalog.updateKnown(name, old -> old.with(old.find(version.version())
                            .filter(found -> found.state() == VersionState.UNLOADING)
                            .map(found -> List.of(Version.unloaded(found.number())))
                            .orElse(List.of())));
                    LOGGER.log(Level.INFO,
                            () -> "successfully unloaded '" + name + "' version " + version.version());
                }
                if (directory != null) {
                    directory.close();
                }
                if (!versions.isEmpty()) {
                    NativeHeap.trim();
                }
            } finally {
                closed.countDown();
            }
        });
        return closed;
    }

    private void close(ServedVersion version) {
        Duration limit = lateLimit;
        Thread reminder = after(limit, () -> version.endLate(InferenceException.unavailable("model '" + version.name()
                + "' is being unloaded, and did not answer the request within " + limit.toSeconds() + " s")));
        try {
            version.close();
        } finally {
            reminder.interrupt();
            closing.remove(version);
            catalog.left(version);
        }
    }

    /** Says how long versions that are unloaded wait for requests which their backend answers later, and for sequences. */
    void lateLimit(Duration value) {
        lateLimit = value;
    }

    /**
     * Ends all requests that their backends answer later, now and from here on, and all sequences: there is no more time for
     * them.
     */
    void endLate() {
        InferenceException reason = InferenceException
                .unavailable("the server is stopping, and the model did not answer the request in time");
        catalog.all().values().forEach(snapshot -> snapshot.ready().forEach(version -> version.endLate(reason)));
        closing.forEach(version -> version.endLate(reason));
    }

    /** Returns a thread that does something then, unless it is interrupted before. */
    private static Thread after(Duration delay, Runnable action) {
        return Thread.ofVirtual().name("nereid-end-late").start(() -> {
            try {
                Thread.sleep(delay);
            } catch (InterruptedException e) {
                return;
            }
            action.run();
        });
    }

    private void inBackground(Runnable task) {
        try {
            unloadThreads.execute(task);
        } catch (RejectedExecutionException e) {
            // The last unload of a server that ends.
            task.run();
        }
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
            List<ServedVersion> versions;
            synchronized (slot) {
                slot.source = null;
                versions = catalog.find(name).orElse(Snapshot.EMPTY).ready();
                versions.forEach(catalog::leaves);
                catalog.update(name, old -> old.with(versions.stream()
                        .map(version -> Version.of(version.version(), VersionState.UNLOADING, "")).toList()));
                latches.add(retire(name, versions, slot.overrideDirectory));
                slot.overrideDirectory = null;
            }
        });
        loadThreads.shutdown();
        boolean allClosed = true;
        Duration kept = limit.dividedBy(4).compareTo(AFTER_ANSWERS) < 0 ? limit.dividedBy(4) : AFTER_ANSWERS;
        Thread reminder = after(limit.minus(kept), this::endLate);
        try {
            // A load that is under way throws away what it made; backends must not be closed before.
            allClosed = loadThreads.awaitTermination(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            for (CountDownLatch latch : latches) {
                allClosed &= latch.await(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
            }
            // Versions that a re-load has just replaced, and instances that are no longer needed, are closed there, too.
            unloadThreads.shutdown();
            allClosed &= unloadThreads.awaitTermination(Math.max(0, deadline - System.nanoTime()),
                    TimeUnit.NANOSECONDS);
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
        unloadThreads.shutdown();
    }
}

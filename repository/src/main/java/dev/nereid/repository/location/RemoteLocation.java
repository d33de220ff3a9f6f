package dev.nereid.repository.location;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.storage.ObjectStore;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.config.Printable;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A model repository in object storage. A model is one listing; what is new of it is fetched into the cache, and the model is
 * used from there. Clients learn what failed; where it is, and as whom it was asked, is for the log.
 *
 * <p>Threads: any. Each model has a lock, which is held while it is fetched.
 */
public final class RemoteLocation implements RepositoryLocation {
    private static final Logger LOGGER = System.getLogger(RemoteLocation.class.getName());
    /** So often a listing is taken anew where an object changed while it was fetched. */
    private static final int MAX_LISTINGS = 3;
    private static final double MIB = 1 << 20;
    /** Polling does not fetch in vain what is large, again and again. */
    private static final Duration FIRST_PAUSE = Duration.ofSeconds(30);
    private static final Duration LONGEST_PAUSE = Duration.ofMinutes(10);

    private final String name;
    private final Stores stores;
    private final ModelCache cache;
    private final CachedModels models;
    private final Retries retries;
    private final Disk disk;
    private final LongSupplier nanoTime;
    private final ConcurrentMap<String, ReentrantLock> locks = new ConcurrentHashMap<>();
    private final Set<ModelDownload> downloads = ConcurrentHashMap.newKeySet();
    private final ConcurrentMap<String, Failure> failures = new ConcurrentHashMap<>();
    private final Set<String> ignored = ConcurrentHashMap.newKeySet();

    RemoteLocation(String name, Supplier<ObjectStore> open, ModelCache cache, Retries.Policy policy, Disk disk,
            LongSupplier nanoTime) {
        this.name = name;
        this.cache = cache;
        this.models = cache.models(name);
        this.retries = new Retries(policy);
        this.disk = disk;
        this.nanoTime = nanoTime;
        this.stores = new Stores(open);
    }

    /**
     * Opens a place in object storage, and looks whether it is there.
     *
     * @param name where it is, as it was given
     * @param open opens it; called again where access is denied, since the credentials may have been renewed
     * @throws InferenceException with all that an operator needs to know, where it can't be opened or listed
     */
    public static RemoteLocation open(String name, Supplier<ObjectStore> open, ModelCache cache) {
        RemoteLocation location = new RemoteLocation(name, open, cache, Retries.Policy.DEFAULT, Disk.LOCAL,
                System::nanoTime);
        try {
            location.check();
            return location;
        } catch (RuntimeException e) {
            location.close();
            throw e;
        }
    }

    /** Looks whether the place can be listed, for whoever starts the server. */
    void check() {
        try {
            if (directories().isEmpty()) {
                LOGGER.log(Level.WARNING, () -> "model repository '" + name + "' holds no model: there is no object "
                        + "whose name begins with that of the location and a slash, and goes on with that of a model ("
                        + stores.description() + ")");
            }
        } catch (StorageException e) {
            throw new InferenceException(codeOf(e.kind()), "model repository '" + name + "' can't be listed: "
                    + reason(e) + " (" + stores.description() + ")", e);
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Optional<Path> directory() {
        return Optional.empty();
    }

    @Override
    public Set<String> models() {
        try {
            Set<String> found = new TreeSet<>();
            for (String directory : directories()) {
                if (PathGuard.isModelName(directory)) {
                    if (!ModelFiles.isLeftByTools(directory)) {
                        found.add(directory);
                    }
                } else if (ignored.add(directory)) {
                    LOGGER.log(Level.WARNING, () -> "model repository '" + name + "': '" + Printable.escape(directory)
                            + "' is ignored, it can't be the name of a model");
                }
            }
            return found;
        } catch (StorageException e) {
            throw failed("the model repository can't be listed", e);
        }
    }

    private Set<String> directories() {
        return stores.call("listing '" + name + "'", ObjectStore::directories);
    }

    @Override
    public Optional<FoundModel> find(String model) {
        if (!PathGuard.isModelName(model) || ModelFiles.isLeftByTools(model)) {
            return Optional.empty();
        }
        Listing listing = list(model);
        return listing.isEmpty() ? Optional.empty() : Optional.of(new Found(model, listing));
    }

    /** A model as it was listed. */
    private final class Found implements FoundModel {
        private final String model;
        private final Listing listing;

        Found(String model, Listing listing) {
            this.model = model;
            this.listing = listing;
        }

        @Override
        public Path fetch() {
            try {
                Path directory = RemoteLocation.this.fetch(model, listing);
                failures.remove(model);
                return directory;
            } catch (InferenceException e) {
                failures.compute(model, (ignored, before) -> Failure.after(before, listing, e, nanoTime.getAsLong()));
                throw e;
            }
        }

        @Override
        public Optional<InferenceException> recentFailure() {
            return Optional.ofNullable(failures.get(model)).filter(last -> last.isOf(listing, nanoTime.getAsLong()))
                    .map(Failure::reason);
        }
    }

    /** A download that failed; the same one is not tried by itself before that moment. */
    private record Failure(String digest, InferenceException reason, int count, long notBefore) {
        static Failure after(@Nullable Failure before, Listing listing, InferenceException reason, long now) {
            String digest = listing.digest();
            int count = before != null && before.digest.equals(digest) ? before.count + 1 : 1;
            long pause = Math.min(LONGEST_PAUSE.toNanos(), FIRST_PAUSE.toNanos() << Math.min(count - 1, 10));
            return new Failure(digest, reason, count, now + pause);
        }

        boolean isOf(Listing listing, long now) {
            return now - notBefore < 0 && digest.equals(listing.digest());
        }
    }

    private Listing list(String model) {
        try {
            return stores.call("listing model '" + model + "'", store -> Listing.of(store, model));
        } catch (StorageException e) {
            throw failed("model '" + model + "' can't be listed", e);
        }
    }

    private Path fetch(String model, Listing first) {
        ReentrantLock lock = locks.computeIfAbsent(model, key -> new ReentrantLock());
        lock.lock();
        try {
            Listing listing = first;
            for (int attempt = 1;; attempt++) {
                Optional<Path> known = models.find(model, listing);
                if (known.isPresent()) {
                    return known.get();
                }
                try {
                    return fetchNow(model, listing);
                } catch (StorageException e) {
                    boolean isOther = e.kind() == Kind.CHANGED || e.kind() == Kind.NOT_FOUND;
                    if (!isOther || attempt >= MAX_LISTINGS) {
                        throw failed("model '" + model + "' can't be fetched", e);
                    }
                    LOGGER.log(Level.INFO, () -> "model '" + model + "' changed while it was fetched: "
                            + e.getMessage());
                }
                listing = list(model);
                if (listing.isEmpty()) {
                    throw InferenceException.notFound("model '" + model + "' was removed while it was fetched");
                }
            }
        } finally {
            lock.unlock();
        }
    }

    private Path fetchNow(String model, Listing listing) {
        long missing = models.missingBytes(model, listing);
        checkSpace(model, missing);
        Progress progress = new Progress(model, missing, nanoTime);
        Path directory = models.add(model, listing, files -> {
            ModelDownload download = new ModelDownload(model, stores.current(), retries, cache.connections(), disk,
                    progress);
            downloads.add(download);
            try {
                download.run(files);
            } finally {
                downloads.remove(download);
            }
        });
        LOGGER.log(Level.INFO, () -> String.format(Locale.ROOT,
                "fetched model '%s' from '%s': %.1f of %.1f MiB in %.1f s%s", model, name,
                progress.received() / MIB, listing.bytes() / MIB, progress.seconds(),
                missing < listing.bytes() ? ", the rest was in the cache" : ""));
        return directory;
    }

    private void checkSpace(String model, long missing) {
        try {
            long free = disk.freeBytes(cache.directory());
            if (missing > free) {
                throw InferenceException.unavailable(String.format(Locale.ROOT,
                        "model '%s' needs %.1f MiB in the model cache, whose disk has %.1f MiB left", model,
                        missing / MIB, free / MIB));
            }
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, "how much room there is can't be told", e);
        }
    }

    private InferenceException failed(String what, StorageException e) {
        LOGGER.log(Level.WARNING, () -> "'" + name + "': " + what + ": " + reason(e) + " (" + stores.description()
                + ")");
        LOGGER.log(Level.DEBUG, what, e);
        return new InferenceException(codeOf(e.kind()), what + ": " + reason(e), e);
    }

    private static String reason(StorageException e) {
        String text = Printable.escape(e.getMessage());
        return switch (e.kind()) {
            case NOT_FOUND -> "it is not there: " + text;
            case DENIED -> "access is denied: " + text;
            case CHANGED -> "it changed while it was read: " + text;
            case UNAVAILABLE -> "the storage does not answer as it should, after several attempts: " + text;
            case REFUSED -> text;
        };
    }

    private static StatusCode codeOf(Kind kind) {
        return switch (kind) {
            case NOT_FOUND -> StatusCode.NOT_FOUND;
            case DENIED, REFUSED -> StatusCode.INVALID_ARG;
            case CHANGED, UNAVAILABLE -> StatusCode.UNAVAILABLE;
        };
    }

    @Override
    public Optional<String> hint() {
        Set<String> found = models();
        boolean isModel = !found.isEmpty()
                && found.stream().allMatch(each -> each.chars().allMatch(c -> c >= '0' && c <= '9'));
        return isModel
                ? Optional.of(
                        "'" + name + "' holds version directories, so it looks like the directory of one model; the "
                                + "model repository is the directory above it")
                : Optional.empty();
    }

    @Override
    public String withoutPlaces(String text) {
        return models.withoutPlaces(text).replace(name + "/", "");
    }

    @Override
    public boolean holds(Path modelDirectory) {
        return models.holds(modelDirectory);
    }

    @Override
    public HeldDirectory hold(Path modelDirectory) {
        return models.hold(String.valueOf(modelDirectory.getFileName()), modelDirectory);
    }

    @Override
    public void close() {
        retries.close();
        downloads.forEach(ModelDownload::abort);
        stores.close();
    }

    /** The connection to the storage, made anew once where access is denied. */
    private final class Stores implements AutoCloseable {
        private final Supplier<ObjectStore> open;
        private Opened current;

        Stores(Supplier<ObjectStore> open) {
            this.open = open;
            this.current = new Opened(open.get(), 0);
        }

        private synchronized Opened opened() {
            return current;
        }

        ObjectStore current() {
            return opened().store();
        }

        String description() {
            return current().description();
        }

        <T> T call(String what, Function<ObjectStore, T> call) {
            Opened used = opened();
            try {
                return retries.call(what, () -> call.apply(used.store()));
            } catch (StorageException e) {
                if (e.kind() != Kind.DENIED) {
                    throw e;
                }
                Opened renewed = renew(used);
                return retries.call(what, () -> call.apply(renewed.store()));
            }
        }

        /** Credentials may have been renewed where they are read from. */
        private synchronized Opened renew(Opened denied) {
            if (current.number() == denied.number()) {
                current = new Opened(open.get(), denied.number() + 1);
                denied.store().close();
            }
            return current;
        }

        @Override
        public synchronized void close() {
            current.store().close();
        }
    }

    /** A connection, and how many there were before it. */
    private record Opened(ObjectStore store, int number) {
    }
}

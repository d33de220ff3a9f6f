package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.NativeHeap;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.model.ModelCatalog.Version;
import dev.nereid.repository.PolledModel;
import dev.nereid.repository.location.HeldDirectory;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes the versions of a model that are to serve and puts them in the place of those that did, all or none. Used by one
 * thread for each model: whoever holds the load lock.
 */
final class VersionSwitch {
    private static final Logger LOGGER = System.getLogger(VersionSwitch.class.getName());

    private final ModelCatalog catalog;
    private final VersionLoader loader;
    private final Retirement retirement;
    private final BooleanSupplier isClosing;

    /**
     * Creates it.
     *
     * @param retirement gets the versions that are replaced
     * @param isClosing whether what was made by now is thrown away, since the end has come
     */
    VersionSwitch(ModelCatalog catalog, VersionLoader loader, Retirement retirement, BooleanSupplier isClosing) {
        this.catalog = catalog;
        this.loader = loader;
        this.retirement = retirement;
        this.isClosing = isClosing;
    }

    /**
     * Loads the selected versions and switches over; the model uses {@code directory} from then on. Returns whether other
     * versions than before serve.
     */
    boolean load(PolledModel polled, @Nullable PolledModel before, ModelSlot slot,
            @Nullable HeldDirectory directory) {
        String id = polled.id();
        try {
            polled.checkVersions();
        } catch (InferenceException e) {
            catalog.update(id, old -> old);
            polled.hint().ifPresent(hint -> LOGGER.log(Level.ERROR, hint));
            throw LoadErrors.failed(polled.name(), e);
        }
        catalog.update(id, old -> old.with(polled.versions().stream()
                .filter(version -> old.find(version).map(found -> found.state() != VersionState.READY).orElse(true))
                .map(version -> Version.of(version, VersionState.LOADING, "")).toList()));
        Made made = new Made(new ArrayList<>(), new ArrayList<>());
        Map<Long, InferenceException> failures = new TreeMap<>();
        for (long version : polled.versions()) {
            try {
                Optional<ServedVersion> kept = before == null ? Optional.empty() : kept(id, version, polled, before);
                if (kept.isPresent()) {
                    LOGGER.log(Level.INFO, () -> "updating instances: " + id + ":" + version);
                    made.updates().add(loader.update(kept.get(), polled));
                } else {
                    LOGGER.log(Level.INFO, () -> "loading: " + id + ":" + version);
                    made.loaded().add(loader.load(polled, version));
                }
            } catch (InferenceException e) {
                failures.put(version, e);
            } catch (RuntimeException | Error e) {
                // A mistake of ours, or memory is exhausted: the model must not seem to be loading for ever.
                LOGGER.log(Level.ERROR, "loading model '" + id + "' version " + version + " failed", e);
                failures.put(version, InferenceException
                        .internal("model '" + polled.name() + "' failed to load; the server's log has the details"));
            }
        }
        if (!failures.isEmpty()) {
            abandon(id, polled, made, failures);
            throw LoadErrors.failed(polled.name(), failures);
        }
        HeldDirectory oldDirectory = null;
        List<ServedVersion> replaced = List.of();
        boolean isOutdated;
        synchronized (slot) {
            isOutdated = isClosing.getAsBoolean();
            if (!isOutdated) {
                List<Long> kept = made.updates().stream().map(update -> update.updated().version()).toList();
                replaced = catalog.find(id).orElse(Snapshot.EMPTY).ready().stream()
                        .filter(version -> !kept.contains(version.version())).toList();
                publish(polled, made, replaced);
                slot.source = polled;
                oldDirectory = Objects.equals(slot.directory, directory) ? null : slot.directory;
                slot.directory = directory;
            }
        }
        if (isOutdated) {
            abandon(id, polled, made, Map.of());
            throw LoadErrors.stopping();
        }
        made.loaded().forEach(version -> LOGGER.log(Level.INFO, () -> "successfully loaded '" + id + "' version "
                + version.version() + " in " + version.loadTime().toMillis() + " ms"));
        if (!made.updates().isEmpty()) {
            retirement.run(() -> made.updates().forEach(VersionUpdate::finish));
        }
        CountDownLatch ignored = retirement.retire(id, replaced, oldDirectory);
        return !made.loaded().isEmpty() || !replaced.isEmpty();
    }

    /** What a load has made and not yet put into service. */
    private record Made(List<ServedVersion> loaded, List<VersionUpdate> updates) {
    }

    /**
     * Returns the version as it serves now, where it may go on with other instances. A load that changes neither
     * instances nor version policy was meant to load again.
     */
    private Optional<ServedVersion> kept(String id, long version, PolledModel polled, PolledModel before) {
        if (!polled.keepsVersionOf(before, version)) {
            return Optional.empty();
        }
        boolean hasOtherPolicy = !polled.config().getVersionPolicy().equals(before.config().getVersionPolicy());
        return catalog.find(id).orElse(Snapshot.EMPTY).ready().stream()
                .filter(served -> served.version() == version)
                .filter(served -> hasOtherPolicy || loader.hasOtherInstances(served, polled)).findFirst();
    }

    private void publish(PolledModel polled, Made made, List<ServedVersion> replaced) {
        replaced.forEach(catalog::leaves);
        made.updates().forEach(VersionUpdate::apply);
        catalog.update(polled.id(), old -> {
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
    private void abandon(String id, PolledModel polled, Made made, Map<Long, InferenceException> failures) {
        made.loaded().forEach(ServedVersion::close);
        made.updates().forEach(VersionUpdate::discard);
        catalog.updateKnown(id, old -> old.with(polled.versions().stream()
                .filter(version -> old.find(version).map(found -> found.state() == VersionState.LOADING).orElse(true))
                .map(version -> {
                    InferenceException failure = failures.get(version);
                    return Version.of(version, VersionState.UNAVAILABLE,
                            failure == null ? ModelCatalog.UNLOADED : failure.reason());
                }).toList()));
        NativeHeap.trim();
    }
}

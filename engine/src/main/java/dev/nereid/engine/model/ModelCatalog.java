package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.repository.config.ModelIds;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * Which versions of which models there are, and their states. Models are known by their ids: the name, behind the namespace
 * where there are any; what clients name is resolved first. Readers see immutable snapshots and take no lock; each
 * change replaces the snapshot of one model.
 */
final class ModelCatalog {
    static final String UNLOADED = "unloaded";

    private final boolean isNamespaced;
    private final ConcurrentMap<String, Snapshot> models = new ConcurrentHashMap<>();
    /** The ids of each name, of models that are to be served; kept where there are namespaces only. */
    private final ConcurrentMap<String, Set<String>> ids = new ConcurrentHashMap<>();
    /** Versions with sequence batching that are no longer ready, but whose sequences may go on; the latest last. */
    private final ConcurrentMap<String, List<ServedVersion>> leaving = new ConcurrentHashMap<>();
    /** Why ensembles were refused before any version of them was loaded. */
    private final ConcurrentMap<String, String> refusals = new ConcurrentHashMap<>();

    /** Creates a catalog without models. */
    ModelCatalog(boolean isNamespaced) {
        this.isNamespaced = isNamespaced;
    }

    /** Notes that a model is to be served, so that its name is known; not where no repository has it. */
    void identify(String id) {
        if (isNamespaced && !ModelIds.namespace(id).isEmpty()) {
            ids.merge(ModelIds.name(id), Set.of(id), ModelCatalog::union);
        }
    }

    private static Set<String> union(Set<String> one, Set<String> other) {
        Set<String> all = new TreeSet<>(one);
        all.addAll(other);
        return Set.copyOf(all);
    }

    /** Notes that a model is no longer to be served. */
    void withdraw(String id) {
        if (isNamespaced) {
            ids.computeIfPresent(ModelIds.name(id), (ignored, known) -> {
                Set<String> left = new TreeSet<>(known);
                left.remove(id);
                return left.isEmpty() ? null : Set.copyOf(left);
            });
        }
    }

    /**
     * Returns the id of the model that a client names.
     *
     * @throws InferenceException NOT_FOUND or INVALID_ARG where there are namespaces and none or several have such a model
     */
    String resolve(String name) {
        if (!isNamespaced) {
            return name;
        }
        Set<String> known = ids.getOrDefault(name, Set.of());
        if (known.size() == 1) {
            return known.iterator().next();
        }
        if (known.size() > 1) {
            throw InferenceException.invalid("There are " + known.size() + " identifiers of model '" + name
                    + "' in global map, model namespace must be provided to resolve ambiguity.");
        }
        if (models.keySet().stream().anyMatch(id -> ModelIds.name(id).equals(name))) {
            throw InferenceException.notFound("Identifier of model '" + name + "' is not found in global map");
        }
        throw InferenceException.invalid("Request for unknown model: '" + name + "' is not found");
    }

    /** One version in a snapshot. */
    record Version(long number, VersionState state, String reason, @Nullable ServedVersion served) {
        static Version ready(ServedVersion served) {
            return new Version(served.version(), VersionState.READY, "", served);
        }

        static Version of(long number, VersionState state, String reason) {
            return new Version(number, state, reason, null);
        }

        static Version unloaded(long number) {
            return of(number, VersionState.UNAVAILABLE, UNLOADED);
        }

        /** Returns whether it is unavailable without having been unloaded on purpose. */
        boolean hasFailed() {
            return state == VersionState.UNAVAILABLE && !reason.equals(UNLOADED);
        }
    }

    /** All versions of a model, ascending. */
    record Snapshot(List<Version> versions) {
        static final Snapshot EMPTY = new Snapshot(List.of());

        Optional<Version> find(long number) {
            return versions.stream().filter(version -> version.number() == number).findFirst();
        }

        /** Returns this snapshot with other entries for some versions. */
        Snapshot with(List<Version> changed) {
            Map<Long, Version> merged = new TreeMap<>();
            versions.forEach(version -> merged.put(version.number(), version));
            changed.forEach(version -> merged.put(version.number(), version));
            return new Snapshot(List.copyOf(merged.values()));
        }

        /** Returns this snapshot without failed versions that nobody asks for any more. */
        Snapshot withoutFailuresBut(List<Long> selected) {
            return new Snapshot(versions.stream()
                    .filter(version -> !version.hasFailed() || selected.contains(version.number())).toList());
        }

        List<ServedVersion> ready() {
            List<ServedVersion> ready = new ArrayList<>();
            for (Version version : versions) {
                ServedVersion served = version.served();
                if (version.state() == VersionState.READY && served != null) {
                    ready.add(served);
                }
            }
            return ready;
        }
    }

    /** Changes one model's snapshot. */
    Snapshot update(String name, UnaryOperator<Snapshot> change) {
        Snapshot updated = models.compute(name, (ignored, old) -> change.apply(old == null ? Snapshot.EMPTY : old));
        return updated == null ? Snapshot.EMPTY : updated;
    }

    /** Changes one model's snapshot, unless the model was forgotten meanwhile. */
    void updateKnown(String name, UnaryOperator<Snapshot> change) {
        models.computeIfPresent(name, (ignored, old) -> change.apply(old));
    }

    /**
     * Notes that a version is about to stop serving, apart from the sequences that it has. Before it is ready no longer, so
     * that none of its sequences is lost in between; {@link ServedVersion#leave} follows.
     */
    void leaves(ServedVersion version) {
        if (version.config().scheduling() instanceof SequenceBatching) {
            leaving.merge(version.id(), List.of(version), (old, added) -> {
                List<ServedVersion> longer = new ArrayList<>(old);
                longer.addAll(added);
                return List.copyOf(longer);
            });
        }
    }

    /** Notes that a version is closed. */
    void left(ServedVersion version) {
        leaving.computeIfPresent(version.id(), (ignored, old) -> {
            List<ServedVersion> others = old.stream().filter(each -> each != version).toList();
            return others.isEmpty() ? null : others;
        });
    }

    /**
     * Returns the versions that no longer serve, but may have sequences which go on, the latest of each model first.
     *
     * @param name as clients give it; its model may be known no more
     * @param version empty for all
     */
    List<ServedVersion> leaving(String name, OptionalLong version) {
        if (leaving.isEmpty()) {
            return List.of();
        }
        return leaving.entrySet().stream()
                .filter(model -> model.getKey().equals(name) || ModelIds.name(model.getKey()).equals(name))
                .flatMap(model -> model.getValue().reversed().stream())
                .filter(each -> version.isEmpty() || each.version() == version.getAsLong()).toList();
    }

    /** Notes why an ensemble does not fit its models. */
    void refused(String name, String reason) {
        refusals.put(name, reason);
    }

    /** Notes that an ensemble fits its models. */
    void accepted(String name) {
        refusals.remove(name);
    }

    /** Returns why an ensemble does not fit its models; empty where it does, or was not tried. */
    Optional<String> refusal(String name) {
        return Optional.ofNullable(refusals.get(name));
    }

    /**
     * Notes that a model is gone: none of its versions is available, and none failed. A model that never had a version is
     * forgotten.
     */
    void retire(String name) {
        refusals.remove(name);
        models.computeIfPresent(name, (ignored, old) -> old.versions().isEmpty()
                ? null
                : new Snapshot(old.versions().stream()
                        .map(version -> version.state() == VersionState.UNLOADING
                                ? version
                                : Version.unloaded(version.number()))
                        .toList()));
    }

    Optional<Snapshot> find(String id) {
        return Optional.ofNullable(models.get(id));
    }

    /** Returns all models by id. */
    Map<String, Snapshot> all() {
        return new TreeMap<>(models);
    }

    /**
     * Returns the version that serves a request.
     *
     * @param name the model's id
     * @param version empty for the highest that is ready
     * @throws InferenceException as v2-http, 1.5 says
     */
    ServedVersion lookup(String name, OptionalLong version) {
        Snapshot snapshot = models.get(name);
        if (snapshot == null) {
            throw InferenceException.notFound("Request for unknown model: '" + name + "' is not found");
        }
        if (version.isPresent()) {
            long number = version.getAsLong();
            Version found = snapshot.find(number).orElseThrow(() -> InferenceException
                    .notFound("Request for unknown model: '" + name + "' version " + number + " is not found"));
            ServedVersion served = found.served();
            if (found.state() != VersionState.READY || served == null) {
                throw new InferenceException(StatusCode.UNAVAILABLE,
                        "Request for unknown model: '" + name + "' version " + number + " is not at ready state");
            }
            return served;
        }
        List<Version> versions = snapshot.versions();
        for (int i = versions.size() - 1; i >= 0; i--) {
            ServedVersion served = versions.get(i).served();
            if (versions.get(i).state() == VersionState.READY && served != null) {
                return served;
            }
        }
        throw InferenceException
                .notFound("Request for unknown model: '" + name + "' has no available versions");
    }
}

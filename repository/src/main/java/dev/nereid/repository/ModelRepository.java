package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.ConfigReader;
import dev.nereid.repository.config.ConfigValidator;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.ModelIds;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.location.HeldDirectory;
import dev.nereid.repository.location.LocalLocation;
import dev.nereid.repository.location.RepositoryLocation;
import dev.nereid.repository.location.RepositoryLocation.FoundModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Supplier;

/**
 * The models in one or more places. Each call looks at the places as they are; models from object storage are fetched to the
 * local disk when they are read. Any thread may call; the configurations and fingerprints handed out are immutable.
 */
public final class ModelRepository implements AutoCloseable {
    /** Why a model that appears in two or more repositories is not served. */
    public static final String DUPLICATE_REASON = "model appears in two or more repositories";

    private static final String UNEXPECTED = "unexpected error in model directory: ";

    private final List<RepositoryLocation> locations;
    private final ConfigLoader configLoader;
    private final boolean isNamespaced;

    private ModelRepository(List<RepositoryLocation> locations, ConfigLoader configLoader, boolean isNamespaced) {
        this.locations = List.copyOf(locations);
        this.configLoader = configLoader;
        this.isNamespaced = isNamespaced;
    }

    /**
     * Opens repositories; each must be a directory. One that is given twice, under whatever name, counts once. Paths in
     * texts are shown as they are given here.
     */
    public static ModelRepository open(List<Path> locations, ConfigLoader configLoader) {
        return open(locations, configLoader, false);
    }

    /**
     * Opens repositories; each must be a directory. One that is given twice, under whatever name, counts once. Paths in
     * texts are shown as they are given here.
     *
     * @param isNamespaced whether models of one name may be in several of them; a model's id then begins with the path of its
     *     repository
     */
    public static ModelRepository open(List<Path> locations, ConfigLoader configLoader, boolean isNamespaced) {
        for (Path location : locations) {
            if (!Files.isDirectory(location)) {
                throw InferenceException.invalid("repository path is not a valid directory");
            }
        }
        return of(List.copyOf(locations.stream().map(LocalLocation::new).toList()), configLoader, isNamespaced);
    }

    /**
     * Opens repositories in places that are there, which are closed with it. One that is given twice, under whatever name,
     * counts once.
     *
     * @param isNamespaced whether models of one name may be in several of them; a model's id then begins with the name of its
     *     repository
     */
    public static ModelRepository of(List<? extends RepositoryLocation> locations, ConfigLoader configLoader,
            boolean isNamespaced) {
        List<RepositoryLocation> distinct = new ArrayList<>();
        for (RepositoryLocation location : locations) {
            if (isNamespaced && !ModelIds.isNamespace(location.name())) {
                throw InferenceException.invalid("model repository '" + location.name()
                        + "': with --model-namespacing its last directory can't have '::' in its name");
            }
            if (distinct.stream().noneMatch(known -> isSame(known, location))) {
                distinct.add(location);
            }
        }
        return new ModelRepository(distinct, configLoader, isNamespaced);
    }

    private static boolean isSame(RepositoryLocation one, RepositoryLocation other) {
        if (one.directory().isEmpty() || other.directory().isEmpty()) {
            return one.name().equals(other.name());
        }
        try {
            return Files.isSameFile(one.directory().get(), other.directory().get());
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns the places of the repositories. */
    public List<RepositoryLocation> locations() {
        return locations;
    }

    /** Returns the ids of all models, sorted, each with the places that have it: more than one is an error. */
    public Map<String, List<RepositoryLocation>> list() {
        Map<String, List<RepositoryLocation>> models = new TreeMap<>();
        for (RepositoryLocation location : locations) {
            location.models()
                    .forEach(
                            name -> models.computeIfAbsent(id(location, name), key -> new ArrayList<>()).add(location));
        }
        return models;
    }

    /** Returns the name of the model with that id. */
    public String name(String id) {
        return isNamespaced ? ModelIds.name(id) : id;
    }

    private String id(RepositoryLocation location, String name) {
        return isNamespaced ? ModelIds.of(location.name(), name) : name;
    }

    /** Returns the ids of the models of a name; the name itself where no repository has it, for whoever then looks for it. */
    public List<String> ids(String name) {
        if (!isNamespaced || !PathGuard.isModelName(name)) {
            return List.of(name);
        }
        List<String> ids = locations.stream().filter(location -> location.find(name).isPresent())
                .map(location -> id(location, name)).toList();
        return ids.isEmpty() ? List.of(name) : ids;
    }

    /**
     * Returns the id of a model that an ensemble consists of: the one in the ensemble's own namespace, else the only one of
     * that name; empty where several others have it.
     *
     * @param ensemble the ensemble's id
     * @param name the model's name
     */
    public Optional<String> member(String ensemble, String name) {
        if (!isNamespaced) {
            return Optional.of(name);
        }
        List<String> ids = ids(name);
        String own = ModelIds.of(ModelIds.namespace(ensemble), name);
        return ids.contains(own) ? Optional.of(own) : ids.size() == 1 ? Optional.of(ids.getFirst()) : Optional.empty();
    }

    /** Returns for each repository that looks like something else what to change. */
    public List<String> hints() {
        return locations.stream().flatMap(location -> hint(location).stream()).toList();
    }

    private static Optional<String> hint(RepositoryLocation location) {
        return location.directory().isPresent()
                ? Layout.repositoryHint(location.directory().get())
                : location.hint();
    }

    /** Reads one model. Fails with what an operator needs to know; clients get a generic text before it. */
    public PolledModel poll(String id) {
        return poll(id, find(id).fetch(), Optional.empty());
    }

    /** Reads one model with a configuration, in JSON, that takes the place of its own. */
    public PolledModel poll(String id, String configJson) {
        return poll(id, find(id).fetch(), Optional.of(configJson));
    }

    /** Reads a model from the directory of an override; repositories are not looked at. */
    public PolledModel poll(String id, String configJson, OverrideDirectory override) {
        PathGuard.checkModelName(name(id));
        return poll(id, override.path(), Optional.of(configJson));
    }

    /** Returns whether a model's directory in a repository holds what it held when the model was read. */
    public boolean isUnchanged(PolledModel earlier) {
        Path directory = find(earlier.id()).fetch();
        return directory.equals(earlier.directory()) && Fingerprint
                .of(directory, VersionDirectories.scan(directory), configLoader.configName())
                .equals(earlier.fingerprint());
    }

    /** Reads all models and compares them with those that are known. */
    public PollResult pollAll(Map<String, PolledModel> known) {
        Map<String, PolledModel> added = new HashMap<>();
        Map<String, PolledModel> modified = new HashMap<>();
        Map<String, PolledModel> unmodified = new HashMap<>();
        Map<String, InferenceException> failed = new HashMap<>();
        Set<String> duplicates = new TreeSet<>();
        Map<String, List<RepositoryLocation>> found = list();
        found.forEach((name, places) -> {
            if (places.size() > 1) {
                duplicates.add(name);
                return;
            }
            try {
                FoundModel there = places.get(0).find(name(name)).orElseThrow(() -> notFound(name(name)));
                Optional<InferenceException> failure = there.recentFailure();
                if (failure.isPresent()) {
                    failed.put(name, failure.get());
                    return;
                }
                PolledModel model = poll(name, there.fetch(), Optional.empty());
                PolledModel earlier = known.get(name);
                if (earlier == null) {
                    added.put(name, model);
                } else if (model.isUnmodifiedSince(earlier)) {
                    unmodified.put(name, model);
                } else {
                    modified.put(name, model);
                }
            } catch (InferenceException e) {
                failed.put(name, e);
            }
        });
        Set<String> removed = new TreeSet<>(known.keySet());
        removed.removeAll(found.keySet());
        return new PollResult(added, modified, unmodified, removed, failed, duplicates);
    }

    /** Returns the ids of what an ensemble consists of; none for any other model, and where it can't be read. */
    public List<String> members(String id) {
        return members(id, () -> poll(id).config());
    }

    /** Returns the ids of what an ensemble with that configuration, in JSON, consists of; none for any other model. */
    public List<String> members(String id, String configJson) {
        return members(id, () -> ConfigReader.parseJson(configJson));
    }

    private List<String> members(String id, Supplier<ModelConfig> config) {
        try {
            return config.get().getEnsembleScheduling().getStepList().stream().map(step -> step.getModelName())
                    .filter(PathGuard::isModelName).distinct().map(name -> member(id, name).orElse(name)).toList();
        } catch (InferenceException e) {
            return List.of();
        }
    }

    private FoundModel find(String id) {
        String name = name(id);
        PathGuard.checkModelName(name);
        List<FoundModel> found = locations.stream().filter(location -> id(location, name).equals(id))
                .flatMap(location -> location.find(name).stream()).toList();
        if (found.isEmpty()) {
            throw notFound(name);
        }
        if (found.size() > 1) {
            throw InferenceException.invalid("failed to poll model '" + name + "': " + DUPLICATE_REASON);
        }
        return found.get(0);
    }

    private static InferenceException notFound(String name) {
        return InferenceException
                .notFound("failed to poll model '" + name + "': model not found in any model repository.");
    }

    /** Returns whether a model's directory is one of a repository, and not that of an override. */
    public boolean holds(PolledModel polled) {
        return locations.stream().anyMatch(location -> location.holds(polled.directory()));
    }

    /** Keeps the directory that a model was read from as it is, where it is ours, until the result is closed. */
    public HeldDirectory hold(PolledModel polled) {
        return locations.stream().filter(location -> location.holds(polled.directory())).findFirst()
                .map(location -> location.hold(polled.directory())).orElse(HeldDirectory.NONE);
    }

    /** Ends what is being fetched, and lets go of the places. */
    @Override
    public void close() {
        locations.forEach(RepositoryLocation::close);
    }

    private PolledModel poll(String id, Path directory, Optional<String> configJson) {
        String name = name(id);
        try {
            VersionDirectories versions = VersionDirectories.scan(directory);
            Fingerprint fingerprint = Fingerprint.of(directory, versions, configLoader.configName());
            ModelConfig config = configJson.isPresent()
                    ? configLoader.pollOverride(configJson.get(), directory, name)
                    : configLoader.poll(directory, name);
            List<String> warnings = new ArrayList<>(versions.warnings());
            warnings.addAll(versions.missing(config));
            warnings.addAll(ConfigValidator.warnings(config));
            List<Long> selected = versions.select(config.getVersionPolicy());
            return new PolledModel(id, name, directory, config, selected, fingerprint, configJson.isPresent(), warnings,
                    selected.isEmpty() ? Layout.modelHint(directory) : Optional.empty());
        } catch (UncheckedIOException | InvalidPathException | SecurityException e) {
            throw new InferenceException(StatusCode.INTERNAL, UNEXPECTED + FileFailures.pathAndReason(e), e);
        }
    }
}

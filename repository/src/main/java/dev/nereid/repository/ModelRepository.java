package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.ConfigReader;
import dev.nereid.repository.config.ConfigValidator;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.ModelIds;
import dev.nereid.repository.config.PathGuard;
import dev.nereid.repository.config.proto.ModelConfig;
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
import java.util.stream.Stream;

/**
 * The models in one or more directories. Nothing is cached: each call looks at the directories as they are. Any thread
 * may call; the configurations and fingerprints handed out are immutable.
 */
public final class ModelRepository {
    /** Why a model that appears in two or more repositories is not served. */
    public static final String DUPLICATE_REASON = "model appears in two or more repositories";

    private static final String UNEXPECTED = "unexpected error in model directory: ";

    private final List<Path> locations;
    private final ConfigLoader configLoader;
    private final boolean isNamespaced;

    private ModelRepository(List<Path> locations, ConfigLoader configLoader, boolean isNamespaced) {
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
        List<Path> distinct = new ArrayList<>();
        for (Path location : locations) {
            if (!Files.isDirectory(location)) {
                throw InferenceException.invalid("repository path is not a valid directory");
            }
            if (isNamespaced && !ModelIds.isNamespace(location.toString())) {
                throw InferenceException.invalid("model repository '" + location
                        + "': with --model-namespacing its last directory can't have '::' in its name");
            }
            if (distinct.stream().noneMatch(known -> isSame(known, location))) {
                distinct.add(location);
            }
        }
        return new ModelRepository(distinct, configLoader, isNamespaced);
    }

    private static boolean isSame(Path one, Path other) {
        try {
            return Files.isSameFile(one, other);
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns the repositories' directories. */
    public List<Path> locations() {
        return locations;
    }

    /** Returns the ids of all models, sorted, each with the directories that have it: more than one is an error. */
    public Map<String, List<Path>> list() {
        Map<String, List<Path>> models = new TreeMap<>();
        for (Path location : locations) {
            try (Stream<Path> entries = Files.list(location)) {
                entries.filter(Files::isDirectory).forEach(directory -> {
                    String name = String.valueOf(directory.getFileName());
                    if (PathGuard.isModelName(name) && !ModelFiles.isLeftByTools(name)) {
                        models.computeIfAbsent(id(location, name), key -> new ArrayList<>()).add(directory);
                    }
                });
            } catch (IOException | UncheckedIOException e) {
                throw new InferenceException(StatusCode.INTERNAL,
                        "failed to list model repository '" + location + "': " + FileFailures.reason(e), e);
            }
        }
        return models;
    }

    /** Returns the name of the model with that id. */
    public String name(String id) {
        return isNamespaced ? ModelIds.name(id) : id;
    }

    private String id(Path location, String name) {
        return isNamespaced ? ModelIds.of(location.toString(), name) : name;
    }

    /** Returns the ids of the models of a name; the name itself where no repository has it, for whoever then looks for it. */
    public List<String> ids(String name) {
        if (!isNamespaced || !PathGuard.isModelName(name)) {
            return List.of(name);
        }
        List<String> ids = locations.stream().filter(location -> hasModel(location, name))
                .map(location -> id(location, name)).toList();
        return ids.isEmpty() ? List.of(name) : ids;
    }

    private static boolean hasModel(Path location, String name) {
        try {
            return !ModelFiles.isLeftByTools(name) && Files.isDirectory(location.resolve(name));
        } catch (InvalidPathException e) {
            // No directory can have that name.
            return false;
        }
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
        return locations.stream().flatMap(location -> Layout.repositoryHint(location).stream()).toList();
    }

    /** Reads one model. Fails with what an operator needs to know; clients get a generic text before it. */
    public PolledModel poll(String id) {
        return poll(id, directory(id), Optional.empty());
    }

    /** Reads one model with a configuration, in JSON, that takes the place of its own. */
    public PolledModel poll(String id, String configJson) {
        return poll(id, directory(id), Optional.of(configJson));
    }

    /** Reads a model from the directory of an override; repositories are not looked at. */
    public PolledModel poll(String id, String configJson, OverrideDirectory override) {
        PathGuard.checkModelName(name(id));
        return poll(id, override.path(), Optional.of(configJson));
    }

    /** Returns whether a model's directory in a repository holds what it held when the model was read. */
    public boolean isUnchanged(PolledModel earlier) {
        Path directory = directory(earlier.id());
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
        Map<String, List<Path>> found = list();
        found.forEach((name, directories) -> {
            if (directories.size() > 1) {
                duplicates.add(name);
                return;
            }
            try {
                PolledModel model = poll(name, directories.get(0), Optional.empty());
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

    private Path directory(String id) {
        String name = name(id);
        PathGuard.checkModelName(name);
        List<Path> directories = locations.stream()
                .filter(location -> id(location, name).equals(id) && hasModel(location, name))
                .map(location -> location.resolve(name)).toList();
        if (directories.isEmpty()) {
            throw InferenceException
                    .notFound("failed to poll model '" + name + "': model not found in any model repository.");
        }
        if (directories.size() > 1) {
            throw InferenceException.invalid("failed to poll model '" + name + "': " + DUPLICATE_REASON);
        }
        return directories.get(0);
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

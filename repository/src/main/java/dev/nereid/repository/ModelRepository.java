package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.ConfigReader;
import dev.nereid.repository.config.ConfigValidator;
import dev.nereid.repository.config.FileFailures;
import dev.nereid.repository.config.ModelFiles;
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

    private ModelRepository(List<Path> locations, ConfigLoader configLoader) {
        this.locations = List.copyOf(locations);
        this.configLoader = configLoader;
    }

    /**
     * Opens repositories; each must be a directory. One that is given twice, under whatever name, counts once. Paths in
     * texts are shown as they are given here.
     */
    public static ModelRepository open(List<Path> locations, ConfigLoader configLoader) {
        List<Path> distinct = new ArrayList<>();
        for (Path location : locations) {
            if (!Files.isDirectory(location)) {
                throw InferenceException.invalid("repository path is not a valid directory");
            }
            if (distinct.stream().noneMatch(known -> isSame(known, location))) {
                distinct.add(location);
            }
        }
        return new ModelRepository(distinct, configLoader);
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

    /** Returns the names of all models, sorted, each with the directories that have it: more than one is an error. */
    public Map<String, List<Path>> list() {
        Map<String, List<Path>> models = new TreeMap<>();
        for (Path location : locations) {
            try (Stream<Path> entries = Files.list(location)) {
                entries.filter(Files::isDirectory).forEach(directory -> {
                    String name = String.valueOf(directory.getFileName());
                    if (PathGuard.isModelName(name) && !ModelFiles.isLeftByTools(name)) {
                        models.computeIfAbsent(name, key -> new ArrayList<>()).add(directory);
                    }
                });
            } catch (IOException | UncheckedIOException e) {
                throw new InferenceException(StatusCode.INTERNAL,
                        "failed to list model repository '" + location + "': " + FileFailures.reason(e), e);
            }
        }
        return models;
    }

    /** Returns for each repository that looks like something else what to change. */
    public List<String> hints() {
        return locations.stream().flatMap(location -> Layout.repositoryHint(location).stream()).toList();
    }

    /** Reads one model. Fails with what an operator needs to know; clients get a generic text before it. */
    public PolledModel poll(String name) {
        return poll(name, directory(name), Optional.empty());
    }

    /** Reads one model with a configuration, in JSON, that takes the place of its own. */
    public PolledModel poll(String name, String configJson) {
        return poll(name, directory(name), Optional.of(configJson));
    }

    /** Reads a model from the directory of an override; repositories are not looked at. */
    public PolledModel poll(String name, String configJson, OverrideDirectory override) {
        PathGuard.checkModelName(name);
        return poll(name, override.path(), Optional.of(configJson));
    }

    /** Returns whether a model's directory in a repository holds what it held when the model was read. */
    public boolean isUnchanged(PolledModel earlier) {
        Path directory = directory(earlier.name());
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

    /** Returns the models that an ensemble consists of; none for any other model, and where it can't be read. */
    public List<String> members(String name) {
        return members(() -> poll(name).config());
    }

    /** Returns the models that an ensemble with that configuration, in JSON, consists of; none for any other model. */
    public List<String> members(String name, String configJson) {
        return members(() -> ConfigReader.parseJson(configJson));
    }

    private static List<String> members(Supplier<ModelConfig> config) {
        try {
            return config.get().getEnsembleScheduling().getStepList().stream().map(step -> step.getModelName())
                    .filter(PathGuard::isModelName).distinct().toList();
        } catch (InferenceException e) {
            return List.of();
        }
    }

    private Path directory(String name) {
        PathGuard.checkModelName(name);
        List<Path> directories = new ArrayList<>();
        for (Path location : ModelFiles.isLeftByTools(name) ? List.<Path>of() : locations) {
            try {
                Path directory = location.resolve(name);
                if (Files.isDirectory(directory)) {
                    directories.add(directory);
                }
            } catch (InvalidPathException e) {
                // No directory can have that name.
            }
        }
        if (directories.isEmpty()) {
            throw InferenceException
                    .notFound("failed to poll model '" + name + "': model not found in any model repository.");
        }
        if (directories.size() > 1) {
            throw InferenceException.invalid("failed to poll model '" + name + "': " + DUPLICATE_REASON);
        }
        return directories.get(0);
    }

    private PolledModel poll(String name, Path directory, Optional<String> configJson) {
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
            return new PolledModel(name, directory, config, selected, fingerprint, configJson.isPresent(), warnings,
                    selected.isEmpty() ? Layout.modelHint(directory) : Optional.empty());
        } catch (UncheckedIOException | InvalidPathException | SecurityException e) {
            throw new InferenceException(StatusCode.INTERNAL, UNEXPECTED + FileFailures.pathAndReason(e), e);
        }
    }
}

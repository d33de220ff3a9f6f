package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.ObjectStoreFactory;
import dev.nereid.engine.EngineOptions.RemoteOptions;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.engine.plugin.StoragePlugin;
import dev.nereid.repository.ModelRepository;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.location.CloudCredentials;
import dev.nereid.repository.location.LocalLocation;
import dev.nereid.repository.location.ModelCache;
import dev.nereid.repository.location.RemoteLocation;
import dev.nereid.repository.location.RepositoryLocation;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The model repositories of an engine, and the cache on the local disk for those in object storage.
 *
 * @param models the models of all
 * @param cache empty where all repositories are directories
 * @param areAllThere whether each repository that was named is there; where one is not, there are no models
 */
public record Repositories(ModelRepository models, Optional<ModelCache> cache, boolean areAllThere)
        implements
            AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Repositories.class.getName());
    private static final Map<String, String> PLUGINS = Map.of("s3", "s3", "gs", "gcs", "as", "azure");
    private static final Map<String, String> MOUNTS = Map.of("s3", "TRITON_AWS_MOUNT_DIRECTORY", "gcs",
            "TRITON_GCS_MOUNT_DIRECTORY", "azure", "TRITON_AZURE_MOUNT_DIRECTORY");
    private static final String SCHEME = "://";
    private static final String TEMPORARY_CACHE = "models";

    /** Returns whether a repository's name is that of a place in object storage. */
    public static boolean isRemote(String location) {
        int end = location.indexOf(SCHEME);
        return end > 0 && PLUGINS.containsKey(location.substring(0, end));
    }

    /**
     * Opens the repositories, one that is named twice once.
     *
     * @param scratchDirectory where a temporary cache goes
     * @throws InferenceException when one can't be used, unless the options allow it to be missing
     */
    public static Repositories open(RepositoryOptions options, Path scratchDirectory) {
        ConfigLoader configs = new ConfigLoader(options.autoComplete(), options.configName());
        List<RepositoryLocation> opened = new ArrayList<>();
        Optional<ModelCache> cache = Optional.empty();
        try {
            boolean areAllThere = true;
            for (Path directory : new LinkedHashSet<>(options.directories())) {
                if (!Files.isDirectory(directory)) {
                    areAllThere = false;
                    missing(options, "'" + directory + "': repository path is not a valid directory",
                            InferenceException.invalid("repository path is not a valid directory"));
                }
                opened.add(new LocalLocation(directory));
            }
            if (!options.remote().locations().isEmpty()) {
                ModelCache made = openCache(options.remote(), scratchDirectory);
                cache = Optional.of(made);
                Map<String, ObjectStoreFactory> factories = new HashMap<>();
                for (String location : new LinkedHashSet<>(options.remote().locations())) {
                    try {
                        opened.add(open(location, options.remote(), made, factories));
                    } catch (InferenceException e) {
                        areAllThere = false;
                        missing(options, e.getMessage(), e);
                    }
                }
            }
            if (!areAllThere) {
                opened.forEach(RepositoryLocation::close);
                opened.clear();
            }
            return new Repositories(ModelRepository.of(opened, configs, options.isNamespaced()), cache, areAllThere);
        } catch (RuntimeException e) {
            opened.forEach(RepositoryLocation::close);
            cache.ifPresent(ModelCache::close);
            throw e;
        }
    }

    private static void missing(RepositoryOptions options, String text, InferenceException failure) {
        if (!options.allowsMissing()) {
            throw failure;
        }
        LOGGER.log(Level.ERROR, () -> text + "; no model is served until the server is started with one");
    }

    private static RemoteLocation open(String location, RemoteOptions options, ModelCache cache,
            Map<String, ObjectStoreFactory> factories) {
        String name = plugin(location);
        ObjectStoreFactory factory = factories.computeIfAbsent(name, key -> factory(key, options));
        // Read each time: credentials may be renewed while the server runs.
        return RemoteLocation.open(location, () -> StoragePlugin.open(name, factory, location,
                CloudCredentials.of(options.environment(), location), options.environment()), cache);
    }

    private static String plugin(String location) {
        int end = location.indexOf(SCHEME);
        String plugin = end < 0 ? null : PLUGINS.get(location.substring(0, end));
        if (plugin == null) {
            throw InferenceException.invalid("model repository '" + location
                    + "' is in no storage that is known, expected s3://, gs:// or as://");
        }
        return plugin;
    }

    private static ObjectStoreFactory factory(String name, RemoteOptions options) {
        return options.factories().stream().filter(each -> each.name().equals(name)).findFirst()
                .orElseGet(() -> StoragePlugin.load(name, options.pluginDirectory().orElseThrow(
                        () -> InferenceException.invalid("location '" + name
                                + "' is a plugin, but no directory with such plugins is named"))));
    }

    private static ModelCache openCache(RemoteOptions options, Path scratchDirectory) {
        Optional<Path> named = options.cacheDirectory().or(() -> mountDirectory(options));
        if (named.isPresent()) {
            return ModelCache.open(named.get(), false);
        }
        Path directory = scratchDirectory.resolve(TEMPORARY_CACHE);
        LOGGER.log(Level.INFO, () -> "models from object storage are kept in '" + directory
                + "' until the server ends; with --model-cache-directory the next start finds them");
        return ModelCache.open(directory, true);
    }

    /** Returns what the reference's variable for the one kind of storage in use names. */
    private static Optional<Path> mountDirectory(RemoteOptions options) {
        List<String> kinds = options.locations().stream().map(Repositories::plugin).distinct().toList();
        return kinds.size() == 1
                ? Optional.ofNullable(options.environment().get(MOUNTS.get(kinds.getFirst())))
                        .filter(value -> !value.isBlank()).map(Path::of)
                : Optional.empty();
    }

    /** Ends what is being fetched. */
    void stopFetching() {
        models.close();
    }

    @Override
    public void close() {
        models.close();
        cache.ifPresent(ModelCache::close);
    }
}

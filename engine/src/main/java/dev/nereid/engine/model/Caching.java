package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.EngineOptions.CacheOptions;
import dev.nereid.engine.cache.CachingScheduler;
import dev.nereid.engine.cache.LocalCache;
import dev.nereid.engine.plugin.CachePlugin;
import dev.nereid.engine.schedule.Scheduler;
import dev.nereid.engine.stats.BackendMetrics;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.ModelContents;
import dev.nereid.repository.PolledModel;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * Puts the response cache before the schedulers of models that want it.
 *
 * @param cache empty where the server has none, so that the setting changes nothing
 */
record Caching(Optional<ResponseCache> cache, CacheOptions options) {
    private static final Logger LOGGER = System.getLogger(Caching.class.getName());

    /**
     * Opens the cache that the options name.
     *
     * @throws InferenceException when it can't be opened
     */
    static Caching open(CacheOptions options, BackendMetrics metrics) {
        if (options.name().isEmpty()) {
            return new Caching(Optional.empty(), options);
        }
        if (options.factory().isPresent()) {
            return new Caching(Optional.of(
                    CachePlugin.open(options.name(), options.factory().get(), options.settings(), metrics)), options);
        }
        if (options.name().equals(CacheOptions.LOCAL)) {
            return new Caching(Optional.of(new LocalCache(size(options))), options);
        }
        Path directory = options.directory().orElseThrow(() -> InferenceException
                .invalid("cache '" + options.name() + "' is a plugin, but no directory with caches is named"));
        return new Caching(Optional.of(CachePlugin.open(options.name(), directory, options.settings(), metrics)),
                options);
    }

    private static long size(CacheOptions options) {
        String text = options.settings().getOrDefault(CacheOptions.SIZE, "");
        try {
            long size = Long.parseLong(text);
            if (size > 0) {
                return size;
            }
        } catch (NumberFormatException e) {
            // Told below, as a number that is none.
        }
        throw InferenceException.invalid("cache 'local': setting 'size' has value '" + text
                + "', expected a number of bytes above 0");
    }

    /**
     * Returns what tells a model, as it was just loaded, from all others: where the cache is shared, by its contents, so that
     * a model that is loaded elsewhere or later with the same contents is the same; else this load from any other.
     *
     * @param config the complete configuration
     */
    String identity(PolledModel polled, long version, String config) {
        if (cache.isPresent() && cache.get().isShared()) {
            Optional<String> contents = ModelContents.digest(polled, version, config);
            if (contents.isPresent()) {
                return contents.get();
            }
            LOGGER.log(Level.WARNING, () -> "model '" + polled.name() + "' version " + version
                    + ": its files have changed since they were read, so its responses are cached for this load only");
        }
        return UUID.randomUUID().toString();
    }

    Scheduler before(Scheduler scheduler, ModelConfig config, Supplier<String> identity, ModelStatistics statistics) {
        return cache.isPresent() && config.isResponseCacheEnabled() && !config.isDecoupled()
                ? new CachingScheduler(scheduler, cache.get(), config, identity, statistics, System::nanoTime,
                        options.isSingleFlight())
                : scheduler;
    }
}

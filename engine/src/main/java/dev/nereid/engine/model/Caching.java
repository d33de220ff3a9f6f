package dev.nereid.engine.model;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.EngineOptions.CacheOptions;
import dev.nereid.engine.cache.CachingScheduler;
import dev.nereid.engine.cache.ResponseCache;
import dev.nereid.engine.schedule.Scheduler;
import dev.nereid.engine.stats.ModelStatistics;
import java.util.Optional;

/**
 * Puts the response cache before the schedulers of models that want it.
 *
 * @param cache empty where the server has none, so that the setting changes nothing
 */
record Caching(Optional<ResponseCache> cache, CacheOptions options) {
    Scheduler before(Scheduler scheduler, ModelConfig config, ModelStatistics statistics) {
        return cache.isPresent() && config.isResponseCacheEnabled() && !config.isDecoupled()
                ? new CachingScheduler(scheduler, cache.get(), config, statistics, System::nanoTime,
                        options.isSingleFlight())
                : scheduler;
    }
}

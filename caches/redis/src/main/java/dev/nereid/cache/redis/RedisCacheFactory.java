package dev.nereid.cache.redis;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.cache.CacheContext;
import dev.nereid.backend.api.cache.CacheFactory;
import dev.nereid.backend.api.cache.ResponseCache;
import org.pf4j.Extension;

/** Opens the cache {@code redis}. */
@Extension
public final class RedisCacheFactory implements CacheFactory {
    /** Creates the factory. */
    public RedisCacheFactory() {
    }

    @Override
    public String name() {
        return "redis";
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public ResponseCache create(CacheContext context) {
        return RedisCache.open(RedisSettings.of(context.settings(), System.getenv()), context.metrics());
    }
}

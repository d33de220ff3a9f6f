package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.cache.CacheContext;
import dev.nereid.backend.api.cache.CacheFactory;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.cache.CacheStatistics;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.stats.BackendMetrics;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A response cache that comes as a plugin. What it throws goes to the log, the first time and after each success again, and
 * makes it an empty cache. Threads: any.
 */
public final class CachePlugin implements ResponseCache {
    private static final Logger LOGGER = System.getLogger(CachePlugin.class.getName());

    private final String who;
    private final ResponseCache cache;
    private final ClassLoader loader;
    private final BackendMetrics.Owned metrics;
    private volatile boolean hasFailed;

    private CachePlugin(String who, ResponseCache cache, ClassLoader loader, BackendMetrics.Owned metrics) {
        this.who = who;
        this.cache = cache;
        this.loader = loader;
        this.metrics = metrics;
    }

    /**
     * Opens the cache of that name.
     *
     * @param directory where plugins are
     * @throws InferenceException with what is wrong, when it can't be found or opened
     */
    public static ResponseCache open(String name, Path directory, Map<String, String> settings,
            BackendMetrics metrics) {
        return open(name, PluginFactory.load(PluginKind.CACHE, name, directory, CacheFactory.class,
                "--cache-directory names the directory with caches, 'local' needs none"), settings, metrics);
    }

    /**
     * Opens a cache of that factory.
     *
     * @throws InferenceException with what is wrong, when it can't be opened
     */
    public static ResponseCache open(String name, CacheFactory factory, Map<String, String> settings,
            BackendMetrics metrics) {
        String who = PluginKind.CACHE.named(name);
        ClassLoader loader = factory.getClass().getClassLoader();
        BackendMetrics.Owned owned = metrics.of(who, Map.of("cache", name));
        try {
            return new CachePlugin(who, PluginCalls.call(who, "start", loader,
                    () -> checked(name, factory).create(new Context(name, settings, owned))), loader, owned);
        } catch (InferenceException e) {
            owned.close();
            throw e;
        }
    }

    private static CacheFactory checked(String name, CacheFactory factory) {
        PluginFactory.check(PluginKind.CACHE, name, factory.builtFor(), factory.name());
        return factory;
    }

    @Override
    public boolean isShared() {
        return asked("say whether it is shared", cache::isShared, true);
    }

    @Override
    public Optional<Entry> get(CacheKey key) {
        return asked("find a response", () -> cache.get(key).map(this::read), Optional.empty());
    }

    private Entry read(Entry entry) {
        try {
            return new Found(entry, List.copyOf(entry.outputs()));
        } catch (Throwable e) {
            entry.release();
            throw e;
        }
    }

    /** An entry whose outputs have been read, so that nothing of the plugin's can fail while a request is answered with it. */
    private final class Found implements Entry {
        private final Entry entry;
        private final List<Tensor> outputs;

        Found(Entry entry, List<Tensor> outputs) {
            this.entry = entry;
            this.outputs = outputs;
        }

        @Override
        public List<Tensor> outputs() {
            return outputs;
        }

        @Override
        public void retain() {
            boolean ignored = asked("keep a response in use", () -> {
                entry.retain();
                return true;
            }, false);
        }

        @Override
        public void release() {
            boolean ignored = asked("take a response back", () -> {
                entry.release();
                return true;
            }, false);
        }
    }

    @Override
    public boolean put(CacheKey key, List<Tensor> outputs) {
        return asked("keep a response", () -> cache.put(key, outputs), false);
    }

    @Override
    public Optional<CacheStatistics> statistics() {
        return asked("tell its statistics", cache::statistics, Optional.empty());
    }

    /** Every request comes here, so that a cache that keeps failing must not fill the log. */
    private <T> T asked(String what, Supplier<T> call, T otherwise) {
        try {
            T answer = call.get();
            hasFailed = false;
            return answer;
        } catch (Throwable e) {
            // A call into a plugin.
            if (!hasFailed) {
                hasFailed = true;
                LOGGER.log(Level.ERROR, who + " failed to " + what + "; requests are executed instead", e);
            }
            return otherwise;
        }
    }

    @Override
    public void close() {
        PluginCalls.close(who, loader, cache);
        metrics.close();
    }

    private record Context(String name, Map<String, String> settings, BackendMetrics.Owned metrics)
            implements
                CacheContext {
        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }
    }
}

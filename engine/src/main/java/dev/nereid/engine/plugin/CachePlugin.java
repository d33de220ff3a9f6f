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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.pf4j.PluginState;

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
        Path folder = directory.resolve(name);
        Path jar = directory.resolve(name + ".jar");
        if (!Backends.isName(name) || (!Files.isDirectory(folder) && !Files.isRegularFile(jar))) {
            throw InferenceException
                    .invalid("unable to find cache '" + name + "': there is neither a directory '" + name
                            + "' nor '" + name + ".jar' in " + directory
                            + "; --cache-directory names the directory with caches, 'local' needs none");
        }
        PluginFiles files = PluginFiles.of(PluginKind.CACHE, Files.isDirectory(folder) ? folder : jar);
        files.check();
        LOGGER.log(Level.INFO, () -> "opening cache '" + name + "' from " + files.path());
        Class<? extends CacheFactory> type = factoryClass(name, files);
        return open(name, PluginCalls.call(PluginKind.CACHE.named(name), "start", type.getClassLoader(),
                () -> construct(type, name)), settings, metrics);
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
        ApiVersion server = new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        if (!server.canRun(factory.builtFor())) {
            throw InferenceException.invalid("cache '" + name + "' was built for version " + factory.builtFor()
                    + " of the backend API, this server offers " + server + "; build it against that version");
        }
        if (!factory.name().equals(name)) {
            throw InferenceException.invalid("cache '" + name + "': its factory says that its name is '"
                    + factory.name() + "'; directory or jar must have that name");
        }
        return factory;
    }

    private static Class<? extends CacheFactory> factoryClass(String name, PluginFiles files) {
        BackendPluginManager plugins = new BackendPluginManager(PluginKind.CACHE);
        try {
            plugins.loadPlugin(files.path());
            if (plugins.startPlugin(name) != PluginState.STARTED) {
                throw InferenceException.invalid("cache '" + name + "' requires backend API "
                        + plugins.getPlugin(name).getDescriptor().getRequires() + ", this server offers "
                        + plugins.getSystemVersion());
            }
            List<Class<? extends CacheFactory>> types = plugins.getExtensionClasses(CacheFactory.class, name);
            if (types.size() != 1) {
                throw InferenceException.invalid("cache '" + name + "' offers " + types.size()
                        + " cache factories, expected 1: one public class that implements CacheFactory, has a public "
                        + "constructor without parameters and is annotated with @Extension");
            }
            return types.getFirst();
        } catch (InferenceException e) {
            throw e;
        } catch (RuntimeException | LinkageError e) {
            // PF4J and what it reads versions with have many kinds of errors.
            LOGGER.log(Level.ERROR, "cache '" + name + "' can't be loaded", e);
            throw InferenceException.invalid("cache '" + name + "' can't be loaded: " + e.getMessage());
        }
    }

    private static CacheFactory construct(Class<? extends CacheFactory> type, String name) {
        try {
            return type.getConstructor().newInstance();
        } catch (ReflectiveOperationException e) {
            LOGGER.log(Level.DEBUG, "the factory of cache '" + name + "'", e);
            throw InferenceException.invalid("cache '" + name + "': its factory can't be created; it must be a public "
                    + "class with a public constructor without parameters");
        }
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

package dev.nereid.server.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.server.stats.BackendMetrics;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.pf4j.PluginState;

/**
 * The backends of a server: found in the backend directory, started with the first model that asks for them, kept until
 * the server stops.
 *
 * <p>A backend that failed to start is tried again when its files have changed. Threads: any. Each name has a lock of its
 * own, which is held while that backend starts, so that it starts once; classes are loaded under one lock for all, since
 * PF4J isn't made for threads. The plugin's own code runs on a thread of its own, and outside the second lock, so that a
 * backend that hangs stops nobody but those who ask for it, and these only for a while.
 */
public final class Backends implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Backends.class.getName());
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]*");

    /** How long a backend may take to start. Natives that are unpacked for the first time take tens of seconds. */
    static final Duration START_LIMIT = Duration.ofMinutes(5);

    private final List<Path> directories;
    private final Map<String, Map<String, String>> settings;
    private final Duration startLimit;
    private final BackendPluginManager plugins = new BackendPluginManager();
    private final Map<String, Slot> slots = new HashMap<>();
    private final List<LoadedBackend> startOrder = new ArrayList<>();
    private final BackendMetrics metrics = new BackendMetrics();

    /**
     * Creates the catalog; nothing is loaded yet.
     *
     * @param directories where to look, first match wins
     * @param settings by backend name; the empty name holds what is meant for all
     */
    public Backends(List<Path> directories, Map<String, Map<String, String>> settings) {
        this(directories, settings, START_LIMIT);
    }

    Backends(List<Path> directories, Map<String, Map<String, String>> settings, Duration startLimit) {
        this.startLimit = startLimit;
        this.directories = List.copyOf(directories);
        this.settings = Map.copyOf(settings);
    }

    /**
     * Returns the backend of that name, starting it when it is not yet running.
     *
     * @throws InferenceException with what is wrong, when it can't be found or started
     */
    public LoadedBackend get(String name) {
        Slot slot;
        synchronized (slots) {
            slot = slots.computeIfAbsent(name, ignored -> new Slot());
        }
        synchronized (slot) {
            LoadedBackend running = slot.backend;
            if (running != null) {
                return running;
            }
            Path path = find(name).orElseThrow(() -> notFound(name));
            PluginFiles files = files(path);
            InferenceException known = slot.failure;
            if (known != null && files.fingerprint().equals(slot.failedFiles)) {
                throw known;
            }
            try {
                LoadedBackend started = start(name, files);
                slot.backend = started;
                slot.failure = null;
                synchronized (startOrder) {
                    startOrder.add(started);
                }
                return started;
            } catch (InferenceException e) {
                slot.failure = e;
                slot.failedFiles = files.fingerprint();
                throw e;
            }
        }
    }

    /** Returns the metrics that backends and models register. */
    public BackendMetrics metrics() {
        return metrics;
    }

    private static InferenceException notFound(String name) {
        return InferenceException.invalid("unable to find backend library for backend '" + name
                + "', try specifying runtime on the model configuration.");
    }

    private Optional<Path> find(String name) {
        if (!NAME.matcher(name).matches()) {
            return Optional.empty();
        }
        for (Path directory : directories) {
            Path folder = directory.resolve(name);
            Path jar = directory.resolve(name + ".jar");
            boolean hasFolder = Files.isDirectory(folder);
            boolean hasJar = Files.isRegularFile(jar);
            if (hasFolder && hasJar) {
                throw InferenceException.invalid("backend '" + name + "' is there twice: as directory '" + name
                        + "' and as '" + name + ".jar'; remove one of them");
            }
            if (hasFolder || hasJar) {
                return Optional.of(hasFolder ? folder : jar);
            }
        }
        return Optional.empty();
    }

    private static PluginFiles files(Path path) {
        PluginFiles files = PluginFiles.of(path);
        files.check();
        return files;
    }

    private LoadedBackend start(String name, PluginFiles files) {
        LOGGER.log(Level.INFO, () -> "starting backend '" + name + "'");
        Class<? extends BackendFactory> type = factoryClass(name, files);
        Path directory = files.path();
        Path parent = directory.getParent();
        BackendMetrics.Owned own = metrics.of("backend '" + name + "'", Map.of("backend", name));
        Context context = new Context(name, Files.isDirectory(directory) || parent == null ? directory : parent,
                settingsOf(name), own);
        CompletableFuture<LoadedBackend> starting = new CompletableFuture<>();
        Thread.ofPlatform().name("nereid-start-" + name).daemon(true).start(() -> {
            try {
                LoadedBackend started = PluginCalls.call("backend '" + name + "'", "start", type.getClassLoader(),
                        () -> start(type, context));
                if (!starting.complete(started)) {
                    // Too late: nobody waits for it any more.
                    started.close();
                }
            } catch (InferenceException e) {
                own.close();
                starting.completeExceptionally(e);
            }
        });
        return await(name, starting);
    }

    private static LoadedBackend start(Class<? extends BackendFactory> type, Context context) {
        BackendFactory factory = construct(type, context.name());
        ApiVersion server = context.serverApi();
        ApiVersion builtFor = factory.builtFor();
        if (!server.canRun(builtFor)) {
            throw InferenceException.invalid("backend '" + context.name() + "' was built for version " + builtFor
                    + " of the backend API, this server offers " + server + "; build it against that version");
        }
        if (!factory.name().equals(context.name())) {
            throw InferenceException.invalid("backend '" + context.name() + "': its factory says that its name is '"
                    + factory.name() + "'; directory or jar must have that name");
        }
        Backend backend = factory.create(context);
        BackendAttributes attributes = backend.attributes();
        return new LoadedBackend(context.name(), backend, attributes, type.getClassLoader(), context.metrics());
    }

    private static BackendFactory construct(Class<? extends BackendFactory> type, String name) {
        try {
            return type.getConstructor().newInstance();
        } catch (InvocationTargetException e) {
            switch (e.getCause()) {
                case RuntimeException cause -> throw cause;
                case Error cause -> throw cause;
                case null, default -> throw new IllegalStateException(e.getCause());
            }
        } catch (ReflectiveOperationException e) {
            LOGGER.log(Level.DEBUG, "the factory of backend '" + name + "'", e);
            throw InferenceException
                    .invalid("backend '" + name + "': its factory can't be created; it must be a public "
                            + "class with a public constructor without parameters");
        }
    }

    private LoadedBackend await(String name, CompletableFuture<LoadedBackend> starting) {
        InferenceException failure;
        try {
            return starting.get(startLimit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof InferenceException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (TimeoutException e) {
            failure = new InferenceException(StatusCode.UNAVAILABLE, "backend '" + name + "' did not start within "
                    + startLimit.toSeconds() + " s; it is not tried again until its files change", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failure = new InferenceException(StatusCode.UNAVAILABLE,
                    "backend '" + name + "' was not waited for: the server is stopping", e);
        }
        if (starting.completeExceptionally(failure)) {
            throw failure;
        }
        // It came at the last moment.
        return starting.join();
    }

    private Class<? extends BackendFactory> factoryClass(String name, PluginFiles files) {
        synchronized (plugins) {
            try {
                if (plugins.getPlugin(name) != null) {
                    plugins.unloadPlugin(name);
                }
                plugins.loadPlugin(files.path());
                PluginState state = plugins.startPlugin(name);
                if (state != PluginState.STARTED) {
                    throw InferenceException.invalid("backend '" + name + "' requires backend API "
                            + plugins.getPlugin(name).getDescriptor().getRequires() + ", this server offers "
                            + plugins.getSystemVersion());
                }
                List<Class<? extends BackendFactory>> types = plugins.getExtensionClasses(BackendFactory.class, name);
                if (types.size() != 1) {
                    throw InferenceException.invalid("backend '" + name + "' offers " + types.size()
                            + " backend factories, expected 1: one public class that implements BackendFactory, "
                            + "has a public constructor without parameters and is annotated with @Extension");
                }
                return types.getFirst();
            } catch (InferenceException e) {
                throw e;
            } catch (RuntimeException | LinkageError e) {
                // PF4J and what it reads versions with have many kinds of errors.
                LOGGER.log(Level.ERROR, "backend '" + name + "' can't be loaded", e);
                throw new InferenceException(StatusCode.INVALID_ARG,
                        "backend '" + name + "' can't be loaded: " + e.getMessage(), e);
            }
        }
    }

    private Map<String, String> settingsOf(String name) {
        Map<String, String> merged = new LinkedHashMap<>(settings.getOrDefault("", Map.of()));
        merged.putAll(settings.getOrDefault(name, Map.of()));
        return Map.copyOf(merged);
    }

    /** Returns everything in the backend directories and its state, by name. */
    public List<BackendStatus> statuses() {
        Map<String, BackendStatus> found = new TreeMap<>();
        for (Path directory : directories) {
            for (Path path : entries(directory)) {
                String fileName = path.getFileName().toString();
                String name = Files.isDirectory(path) ? fileName : fileName.substring(0, fileName.length() - 4);
                if (!NAME.matcher(name).matches()) {
                    continue;
                }
                found.computeIfAbsent(name, key -> new BackendStatus(key, path.toString(), settingsOf(key),
                        state(key, path)));
            }
        }
        return List.copyOf(found.values());
    }

    private String state(String name, Path path) {
        Slot slot;
        synchronized (slots) {
            slot = slots.get(name);
        }
        if (slot != null && slot.backend != null) {
            return "loaded";
        }
        InferenceException failure = slot == null ? null : slot.failure;
        if (failure != null) {
            return failure.getMessage();
        }
        try {
            find(name);
            files(path);
            return "available";
        } catch (InferenceException e) {
            return e.getMessage();
        }
    }

    private static List<Path> entries(Path directory) {
        try (Stream<Path> files = Files.list(directory)) {
            return files.filter(path -> Files.isDirectory(path) || path.getFileName().toString().endsWith(".jar"))
                    .sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** Closes the backends, the last started first. All models must be closed before. */
    @Override
    public void close() {
        List<LoadedBackend> all;
        synchronized (startOrder) {
            all = startOrder.reversed().stream().toList();
            startOrder.clear();
        }
        all.forEach(LoadedBackend::close);
    }

    private record Context(String name, Path directory, Map<String, String> settings,
            BackendMetrics.Owned metrics) implements BackendContext {
        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }
    }

    /** What is known of one name; guarded by itself, the fields also read without the lock for the table. */
    private static final class Slot {
        private volatile @Nullable LoadedBackend backend;
        private volatile @Nullable InferenceException failure;
        private List<String> failedFiles = List.of();
    }
}

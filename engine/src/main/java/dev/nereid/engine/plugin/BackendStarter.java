package dev.nereid.engine.plugin;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.BackendMetrics;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.pf4j.PluginState;

/**
 * Takes a backend from its jars to a started backend. Classes are loaded under the lock of the plugin manager, since PF4J
 * isn't made for threads; the plugin's own code runs on a thread of its own, and outside that lock, so that a backend
 * that hangs stops nobody but those who ask for it, and these only for a while.
 */
final class BackendStarter {
    private static final Logger LOGGER = System.getLogger(BackendStarter.class.getName());

    private final BackendMetrics metrics;
    private final StagingMemory stagingMemory;
    private final Duration limit;

    BackendStarter(BackendMetrics metrics, StagingMemory stagingMemory, Duration limit) {
        this.metrics = metrics;
        this.stagingMemory = stagingMemory;
        this.limit = limit;
    }

    /**
     * What to start.
     *
     * @param name the backend's name
     * @param directory the directory that it came in
     * @param settings what the operator gives it
     * @param labels what is added to its own metrics
     * @param release what to do when it is closed or can't be started, of a backend that serves one model only
     */
    record Start(String name, Path directory, Map<String, String> settings, Map<String, String> labels,
            Optional<Runnable> release) {
        String who() {
            return "backend '" + name + "'";
        }
    }

    /**
     * Starts a backend.
     *
     * @throws InferenceException with what is wrong
     */
    LoadedBackend start(PluginFiles files, BackendPluginManager plugins, Start start) {
        LOGGER.log(Level.INFO, () -> "starting " + start.who() + " from " + files.path());
        Class<? extends BackendFactory> type;
        try {
            type = factoryClass(start.name(), files, plugins);
        } catch (InferenceException e) {
            start.release().ifPresent(Runnable::run);
            throw e;
        }
        return start(() -> construct(type, start.name()), type.getClassLoader(), start);
    }

    /**
     * Starts a backend that is on the class path of the program itself.
     *
     * @throws InferenceException with what is wrong
     */
    LoadedBackend start(BackendFactory factory, Start start) {
        LOGGER.log(Level.INFO, () -> "starting " + start.who() + " from the class path");
        return start(() -> factory, factory.getClass().getClassLoader(), start);
    }

    private LoadedBackend start(Supplier<BackendFactory> factory, ClassLoader loader, Start start) {
        Context context = new Context(start.name(), start.directory(), start.settings(),
                metrics.of(start.who(), start.labels()), stagingMemory);
        CompletableFuture<LoadedBackend> starting = new CompletableFuture<>();
        Thread.ofPlatform().name("nereid-start-" + start.name()).daemon(true).start(() -> {
            try {
                LoadedBackend started = PluginCalls.call(start.who(), "start", loader,
                        () -> start(factory, loader, context, start));
                if (!starting.complete(started)) {
                    // Too late: nobody waits for it any more.
                    started.close();
                }
            } catch (InferenceException e) {
                context.metrics().close();
                start.release().ifPresent(Runnable::run);
                starting.completeExceptionally(e);
            }
        });
        return await(start, starting);
    }

    private static LoadedBackend start(Supplier<BackendFactory> source, ClassLoader loader, Context context,
            Start start) {
        BackendFactory factory = checked(source.get(), context);
        Backend backend = factory.create(context);
        BackendAttributes attributes;
        try {
            attributes = backend.attributes();
        } catch (RuntimeException | Error e) {
            PluginCalls.close(start.who(), loader, backend);
            throw e;
        }
        return new LoadedBackend(context.name(), backend, attributes, loader, context.metrics(),
                start.release());
    }

    private static BackendFactory checked(BackendFactory factory, Context context) {
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
        return factory;
    }

    /**
     * Has a backend diagnose itself, then starts and closes it, and notes what comes of it. Returns when that is done, or
     * when the limit is over; then nothing more is noted.
     */
    void examine(PluginFiles files, BackendPluginManager plugins, Start start, Examination notes) {
        CompletableFuture<Boolean> done = new CompletableFuture<>();
        Thread.ofPlatform().name("nereid-examine-" + start.name()).daemon(true).start(() -> {
            try {
                examineHere(factoryClass(start.name(), files, plugins), start, notes);
            } catch (InferenceException e) {
                notes.failed(e.getMessage());
            }
            done.complete(true);
        });
        try {
            boolean _ = done.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            notes.failed(notes.phase() + " is not over after " + limit.toSeconds() + " s");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        notes.end();
    }

    private void examineHere(Class<? extends BackendFactory> type, Start start, Examination notes) {
        Context context = new Context(start.name(), start.directory(), start.settings(),
                metrics.of(start.who(), start.labels()), stagingMemory);
        ClassLoader loader = type.getClassLoader();
        BackendFactory factory = PluginCalls.call(start.who(), "start", loader, () -> checked(construct(type, context.name()), context));
        notes.add(Diagnosis.ok("API", "built for " + factory.builtFor() + ", the server offers "
                + context.serverApi()));
        notes.phase("its own diagnosis");
        try {
            PluginCalls.call(start.who(), "diagnose itself", loader, () -> factory.diagnose(context))
                    .forEach(notes::add);
        } catch (InferenceException e) {
            notes.add(Diagnosis.warning("diagnosis", e.getMessage(), "report it to who made the backend"));
        }
        notes.phase("its start");
        long began = System.nanoTime();
        Backend backend = PluginCalls.call(start.who(), "start", loader, () -> factory.create(context));
        notes.add(Diagnosis.ok("start", "started in " + (System.nanoTime() - began) / 1_000_000 + " ms"));
        notes.phase("its close");
        PluginCalls.close(start.who(), loader, backend);
        context.metrics().close();
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

    private LoadedBackend await(Start start, CompletableFuture<LoadedBackend> starting) {
        InferenceException failure;
        try {
            return starting.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof InferenceException cause) {
                throw cause;
            }
            throw new IllegalStateException(e.getCause());
        } catch (TimeoutException e) {
            failure = new InferenceException(StatusCode.UNAVAILABLE, start.who() + " did not start within "
                    + limit.toSeconds() + " s" + (start.release().isPresent()
                            ? ""
                            : "; it is not tried again until its files change"),
                    e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            failure = new InferenceException(StatusCode.UNAVAILABLE,
                    start.who() + " was not waited for: the server is stopping", e);
        }
        if (starting.completeExceptionally(failure)) {
            throw failure;
        }
        // It came at the last moment.
        return starting.join();
    }

    private static Class<? extends BackendFactory> factoryClass(String name, PluginFiles files,
            BackendPluginManager plugins) {
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

    private record Context(String name, Path directory, Map<String, String> settings,
            BackendMetrics.Owned metrics, StagingMemory stagingMemory) implements BackendContext {
        @Override
        public ApiVersion serverApi() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }
    }
}

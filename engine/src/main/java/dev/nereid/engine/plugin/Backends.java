package dev.nereid.engine.plugin;

import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.engine.stats.BackendMetrics;
import dev.nereid.repository.config.Suggestions;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
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
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The backends of a server: found in the backend directory, started with the first model that asks for them, kept until
 * the server stops.
 *
 * <p>A backend that failed to start is tried again when its files have changed. Threads: any. Each name has a lock of its
 * own, which is held while that backend starts, so that it starts once. A backend of a model's own has no name here: it
 * is started for that model and closed after it.
 */
public final class Backends implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Backends.class.getName());
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.-]*");

    /** How long a backend may take to start. Natives that are unpacked for the first time take tens of seconds. */
    public static final Duration START_LIMIT = Duration.ofMinutes(5);

    private final List<Path> directories;
    private final Map<String, Map<String, String>> settings;
    private final Map<String, BackendFactory> inProcess = new HashMap<>();
    private final BackendPluginManager plugins = new BackendPluginManager(PluginKind.BACKEND);
    private final Map<String, Slot> slots = new HashMap<>();
    private final List<LoadedBackend> startOrder = new ArrayList<>();
    private final BackendMetrics metrics = new BackendMetrics();
    private final BackendStarter starter;
    private final List<ModelBackend> owns = new ArrayList<>();

    /**
     * Creates the catalog; nothing is loaded yet.
     *
     * @param directories where to look, first match wins
     * @param settings by backend name; the empty name holds what is meant for all
     */
    public Backends(List<Path> directories, Map<String, Map<String, String>> settings) {
        this(directories, List.of(), settings, StagingMemory.PLAIN, START_LIMIT);
    }

    /**
     * Creates the catalog; nothing is loaded yet.
     *
     * @param directories where to look, first match wins
     * @param factories backends on the class path of the program itself, which go before those in directories
     * @param settings by backend name; the empty name holds what is meant for all
     * @param stagingMemory what backends copy to GPUs through
     * @param startLimit how long one of them may take to start
     */
    public Backends(List<Path> directories, List<BackendFactory> factories, Map<String, Map<String, String>> settings,
            StagingMemory stagingMemory, Duration startLimit) {
        this.starter = new BackendStarter(metrics, stagingMemory, startLimit);
        this.directories = List.copyOf(directories);
        factories.forEach(factory -> inProcess.put(factory.name(), factory));
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
            BackendFactory factory = inProcess.get(name);
            if (factory != null) {
                LoadedBackend started = start(name, factory);
                slot.backend = started;
                synchronized (startOrder) {
                    startOrder.add(started);
                }
                return started;
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

    /** Returns whether a backend can have that name. */
    public static boolean isName(String name) {
        return NAME.matcher(name).matches();
    }

    private Optional<Path> find(String name) {
        if (!isName(name)) {
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
        PluginFiles files = PluginFiles.of(PluginKind.BACKEND, path);
        files.check();
        return files;
    }

    private LoadedBackend start(String name, BackendFactory factory) {
        ReadSettings read = new ReadSettings(settingsOf(name));
        LoadedBackend started = starter.start(factory, new BackendStarter.Start(name, Path.of("").toAbsolutePath(),
                read, Map.of("backend", name), Optional.empty()));
        warnOfUnread(name, read);
        return started;
    }

    private LoadedBackend start(String name, PluginFiles files) {
        Path parent = files.path().getParent();
        Path directory = Files.isDirectory(files.path()) || parent == null ? files.path() : parent;
        ReadSettings read = new ReadSettings(settingsOf(name));
        LoadedBackend started = starter.start(files, plugins, new BackendStarter.Start(name, directory, read,
                Map.of("backend", name), Optional.empty()));
        warnOfUnread(name, read);
        return started;
    }

    /** What is meant for all backends need not mean something to each. */
    private void warnOfUnread(String name, ReadSettings read) {
        for (String key : read.unread(settings.getOrDefault(name, Map.of()).keySet())) {
            LOGGER.log(Level.WARNING, () -> "setting '" + key + "' of backend '" + name
                    + "': the backend did not ask for one of that name when it started"
                    + Suggestions.didYouMean(key, read.asked()));
        }
    }

    /**
     * Starts a backend that came with a model, from a jar in the model's directory, for that model only. The jar is copied
     * first, so that its file may be replaced while the model serves.
     *
     * @param name the backend's name, which the jar has, too
     * @param model the model's name
     * @param labels names the model and its version in metrics
     * @throws InferenceException with what is wrong, when it can't be started
     */
    public LoadedBackend startOwn(String name, Path jar, String model, Map<String, String> labels) {
        Map<String, String> all = new TreeMap<>(labels);
        all.put("backend", name);
        ModelBackend own = ModelBackend.copy(name, jar, "model '" + model + "'");
        synchronized (owns) {
            owns.add(own);
        }
        Runnable release = () -> {
            synchronized (owns) {
                owns.remove(own);
            }
            own.close();
        };
        PluginFiles files;
        try {
            files = files(own.copy());
        } catch (InferenceException e) {
            release.run();
            throw e;
        }
        Path parent = jar.toAbsolutePath().getParent();
        ReadSettings read = new ReadSettings(settingsOf(name));
        LoadedBackend started = starter.start(files, own.plugins(), new BackendStarter.Start(name,
                parent == null ? jar : parent, read, all, Optional.of(release)));
        warnOfUnread(name, read);
        return started;
    }

    /** Returns a backend that stands for one in another process, for one model version. */
    public LoadedBackend hosted(String name, HostedBackend backend, Map<String, String> labels) {
        Map<String, String> all = new TreeMap<>(labels);
        all.put("backend", name);
        return new LoadedBackend(name, backend, backend.attributes(), HostedBackend.class.getClassLoader(),
                metrics.of("backend '" + name + "'", all), Optional.of(() -> {
                }));
    }

    private Map<String, String> settingsOf(String name) {
        Map<String, String> merged = new LinkedHashMap<>(settings.getOrDefault("", Map.of()));
        merged.putAll(settings.getOrDefault(name, Map.of()));
        return Map.copyOf(merged);
    }

    /**
     * Looks at every backend in the directories: has it diagnose itself, starts it and closes it again. For a process
     * that serves nothing.
     *
     * @param limit how long to wait for one of them
     */
    public List<Examination> examine(Duration limit) {
        BackendStarter patient = new BackendStarter(metrics, StagingMemory.PLAIN, limit);
        List<Examination> all = new ArrayList<>();
        for (BackendStatus status : statuses()) {
            Examination notes = new Examination(status.name(), status.path());
            all.add(notes);
            try {
                PluginFiles files = files(find(status.name()).orElseThrow(() -> notFound(status.name())));
                Path parent = files.path().getParent();
                Path directory = Files.isDirectory(files.path()) || parent == null ? files.path() : parent;
                patient.examine(files, plugins, new BackendStarter.Start(status.name(), directory, status.settings(),
                        Map.of("backend", status.name()), Optional.empty()), notes);
            } catch (InferenceException e) {
                notes.failed(e.getMessage());
            }
        }
        return all;
    }

    /** Returns everything in the backend directories and its state, by name. */
    public List<BackendStatus> statuses() {
        Map<String, BackendStatus> found = new TreeMap<>();
        inProcess.keySet().forEach(name -> found.put(name,
                new BackendStatus(name, "class path", settingsOf(name), isLoaded(name) ? "loaded" : "available")));
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
        List<BackendStatus> all = new ArrayList<>(found.values());
        synchronized (owns) {
            owns.forEach(own -> all.add(new BackendStatus(own.name(), own.jar().toString(), settingsOf(own.name()),
                    "loaded for " + own.user())));
        }
        return List.copyOf(all);
    }

    private @Nullable Slot slot(String name) {
        synchronized (slots) {
            return slots.get(name);
        }
    }

    private boolean isLoaded(String name) {
        Slot slot = slot(name);
        return slot != null && slot.backend != null;
    }

    private String state(String name, Path path) {
        if (isLoaded(name)) {
            return "loaded";
        }
        Slot slot = slot(name);
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

    /** What is known of one name; guarded by itself, the fields also read without the lock for the table. */
    private static final class Slot {
        private volatile @Nullable LoadedBackend backend;
        private volatile @Nullable InferenceException failure;
        private List<String> failedFiles = List.of();
    }
}

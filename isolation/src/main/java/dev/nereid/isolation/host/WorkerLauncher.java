package dev.nereid.isolation.host;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.isolation.settings.WorkerSettings;
import dev.nereid.isolation.child.WorkerMain;
import dev.nereid.isolation.memory.MemoryGroups;
import dev.nereid.isolation.memory.MemoryLimit;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Bootstrap;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.FrameOutput;
import dev.nereid.isolation.wire.Hello;
import dev.nereid.isolation.wire.RecordCodec;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Starts worker processes. All of them are started by one thread, which lives as long as the server: the system ends them
 * with the thread that has started them. Threads: any.
 */
final class WorkerLauncher implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(WorkerLauncher.class.getName());
    /** How long a JVM may take until it says something. */
    private static final Duration START_LIMIT = Duration.ofSeconds(60);
    private static final long LEAST_AREA = 4L << 30;
    private static final long LARGEST_AREA = 64L << 30;
    private static final Path SHELL = Path.of("/bin/sh");
    private static final Path SETPRIV = Path.of("/usr/bin/setpriv");
    private static final SecureRandom RANDOM = new SecureRandom();

    private final WorkerDirectory own;
    private final Path directory;
    private final Reception reception;
    private final List<Path> backendDirectories;
    private final Map<String, Map<String, String>> backendSettings;
    private final long limitBytes;
    private final ExecutorService starter = Executors
            .newSingleThreadExecutor(Thread.ofPlatform().name("nereid-worker-start").daemon(true).factory());
    private final Set<WorkerProcess> running = ConcurrentHashMap.newKeySet();
    private final Map<String, ReentrantLock> startLocks = new ConcurrentHashMap<>();
    private final MemoryGroups groups = MemoryGroups.ofSystem();
    private final ThreadBudget budget = new ThreadBudget(Runtime.getRuntime().availableProcessors());

    private WorkerLauncher(WorkerDirectory own, Reception reception, List<Path> backendDirectories,
            Map<String, Map<String, String>> backendSettings, long limitBytes) {
        this.own = own;
        this.directory = own.path();
        this.reception = reception;
        this.backendDirectories = backendDirectories;
        this.backendSettings = backendSettings;
        this.limitBytes = limitBytes;
    }

    /**
     * Prepares what processes need.
     *
     * @param backendDirectories where backends are
     * @param backendSettings what backends are told
     * @param limitBytes how much of each kind of tensors may be in a process at a time
     */
    static WorkerLauncher open(List<Path> backendDirectories, Map<String, Map<String, String>> backendSettings,
            long limitBytes) throws IOException {
        WorkerDirectory own = WorkerDirectory.create(Path.of(System.getProperty("java.io.tmpdir")));
        try {
            return new WorkerLauncher(own, Reception.open(own.path()), backendDirectories, backendSettings, limitBytes);
        } catch (IOException e) {
            own.close();
            throw e;
        }
    }

    /**
     * Starts a backend in a process, one process after the other for each backend: processes that unpack and link native
     * libraries in the same directory at the same time get into each other's way.
     */
    <T> T startingBackend(String name, Supplier<T> start) {
        ReentrantLock startLock = startLocks.computeIfAbsent(name, ignored -> new ReentrantLock());
        startLock.lock();
        try {
            return start.get();
        } finally {
            startLock.unlock();
        }
    }

    /** Returns who divides the cores among workers. */
    ThreadBudget budget() {
        return budget;
    }

    /** Returns the processes that run. */
    Set<WorkerProcess> running() {
        return running;
    }

    /**
     * Starts a process and waits until it is connected.
     *
     * @param who names its model
     * @param onEnd is called when it has ended
     * @throws InferenceException with why it can't be started
     */
    WorkerProcess start(String who, WorkerSettings settings, Runnable onEnd) {
        Path report = own.nextReport();
        SharedRegion region;
        long area = Math.clamp(4 * Math.min(limitBytes, LARGEST_AREA), LEAST_AREA, LARGEST_AREA);
        try {
            region = SharedRegion.create(area, directory, false);
        } catch (IOException e) {
            throw new InferenceException(StatusCode.UNAVAILABLE, who + ": no memory can be shared with a process: "
                    + e.getMessage(), e);
        }
        byte[] secret = new byte[16];
        RANDOM.nextBytes(secret);
        Hello hello = new Hello(HexFormat.of().formatHex(secret), Hello.CONTROL);
        CompletableFuture<Connection> connection = reception.expect(hello);
        WorkerProcess worker = null;
        Optional<MemoryLimit> memory = settings.memoryLimit().map(groups::limit);
        try {
            Process process = fork(command(settings, report));
            memory.ifPresent(limit -> limit.apply(process.pid()));
            OutputPump.start(who + ", process " + process.pid(), process.getInputStream());
            worker = new WorkerProcess(new WorkerProcess.Parts(who, process, hello.token(), region,
                    new Blocks(region.inputs(), limitBytes), reception, report, memory));
            tell(process, new Bootstrap(reception.path().toString(), hello.token(), region.path().toString(), area,
                    limitBytes, backendDirectories.stream().map(each -> each.toAbsolutePath().toString()).toList(),
                    backendSettings, LOGGER.isLoggable(Level.DEBUG)));
            WorkerProcess started = worker;
            CompletableFuture<Boolean> ignored = process.onExit().thenApply(ended -> connection.cancel(false));
            Connection control = connection.get(START_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            region.opened();
            running.add(started);
            started.connected(control, () -> {
                running.remove(started);
                onEnd.run();
            });
            LOGGER.log(Level.INFO, () -> who + " works in process " + started.pid());
            return started;
        } catch (IOException | ExecutionException | TimeoutException | InterruptedException
                | java.util.concurrent.CancellationException e) {
            if (worker == null) {
                memory.ifPresent(MemoryLimit::close);
            }
            throw failed(who, worker, region, e);
        } catch (java.util.concurrent.RejectedExecutionException e) {
            memory.ifPresent(MemoryLimit::close);
            closeUnopened(region);
            region.close();
            throw InferenceException.unavailable("the server is stopping");
        } finally {
            reception.forget(hello);
        }
    }

    private static InferenceException failed(String who, @org.jspecify.annotations.Nullable WorkerProcess worker,
            SharedRegion region, Exception e) {
        if (e instanceof InterruptedException) {
            Thread.currentThread().interrupt();
        }
        String why = e.getMessage() == null ? "it did not connect" : e.getMessage();
        if (worker == null) {
            closeUnopened(region);
            region.close();
        } else {
            if (e instanceof TimeoutException) {
                worker.end("did not connect within " + START_LIMIT.toSeconds() + " s");
            }
            why = worker.ending().text();
            closeUnopened(region);
            worker.leave();
        }
        return new InferenceException(StatusCode.UNAVAILABLE,
                who + ": no process can be started for it: " + why + "; the server's log may say more", e);
    }

    private static void closeUnopened(SharedRegion region) {
        try {
            region.opened();
        } catch (IOException e) {
            LOGGER.log(Level.DEBUG, () -> region.path() + " can't be deleted: " + e);
        }
    }

    private Process fork(List<String> command) throws IOException, InterruptedException, ExecutionException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        // Options for a debugger's port, or for what else only one process can have, are the server's.
        builder.environment().remove("JDK_JAVA_OPTIONS");
        Future<Process> started = starter.submit(builder::start);
        try {
            return started.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw e;
        }
    }

    private static void tell(Process process, Bootstrap bootstrap) throws IOException {
        FrameOutput frame = new FrameOutput();
        RecordCodec.write(Bootstrap.class, bootstrap, frame);
        try (OutputStream input = process.getOutputStream()) {
            input.write(frame.content());
        }
    }

    /**
     * Returns what comes before the JVM. A terminal or a service manager tells all processes of a server to end, which itself
     * decides when its workers do: they ignore that, as the JVM does with signals that it finds ignored. And the system kills
     * them with the server, should they be in no state to see its end.
     */
    private static List<String> prefix() {
        if (!Files.isExecutable(SHELL)) {
            return List.of();
        }
        String program = Files.isExecutable(SETPRIV) ? SETPRIV + " --pdeathsig KILL -- \"$@\"" : "\"$@\"";
        return List.of(SHELL.toString(), "-c", "trap '' HUP INT TERM; exec " + program, "nereid-worker");
    }

    private List<String> command(WorkerSettings settings, Path report) {
        List<String> command = new ArrayList<>(prefix());
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of("-Xmx" + settings.heap(), "-Xms16m", "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders", "-XX:-CreateCoredumpOnCrash",
                "-XX:+ExitOnOutOfMemoryError", "-XX:ErrorFile=" + report,
                "-XX:ActiveProcessorCount=" + settings.threads().orElseGet(budget::share),
                "--enable-native-access=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow"));
        System.getProperties().stringPropertyNames().stream()
                .filter(name -> name.startsWith("org.bytedeco.") || name.startsWith("nereid.")
                        || name.equals("java.io.tmpdir"))
                .sorted().forEach(name -> command.add("-D" + name + "=" + System.getProperty(name)));
        command.addAll(settings.options());
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), WorkerMain.class.getName()));
        return command;
    }

    /** Ends what still runs. */
    @Override
    public void close() {
        List<WorkerProcess> ended = List.copyOf(running);
        ended.forEach(worker -> worker.end("was ended with the server"));
        ended.forEach(worker -> LOGGER.log(Level.DEBUG, () -> worker.who() + " " + worker.ending().text()));
        groups.removeLeft();
        reception.close();
        starter.shutdown();
        own.close();
    }
}

package dev.nereid.engine.model;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.testkit.Eventually;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.EngineOptions.CacheOptions;
import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.engine.EngineOptions.LimitOptions;
import dev.nereid.engine.EngineOptions.LoadOptions;
import dev.nereid.engine.EngineOptions.RemoteOptions;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.EngineOptions.StatisticsOptions;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.plugin.Backends;
import dev.nereid.engine.plugin.PluginJar;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** An engine over a repository in a temporary directory, with a fake backend from a real jar. */
public final class EngineFixture implements AutoCloseable {
    public static final String GROUP_OF_ONE = "instance_group [ { count: 1 kind: KIND_CPU } ]";
    private static final AtomicLong MODIFIED = new AtomicLong(1_600_000_000_000L);

    private final Path repository;
    private final Path backends;
    private final List<Engine> engines = new ArrayList<>();
    private final List<Path> moreRepositories = new ArrayList<>();
    private ControlMode mode = ControlMode.EXPLICIT;
    private List<String> startupModels = List.of();
    private boolean strictReadiness = true;
    private int loadThreads = 4;
    private int loadRetries;
    private Duration unloadTimeout = LoadOptions.DEFAULT.unloadTimeout();
    private boolean allowsModelBackends;
    private boolean exitOnError = true;
    private Duration backendStartLimit = Backends.START_LIMIT;
    private SchedulingOptions scheduling = SchedulingOptions.DEFAULT;
    private GpuDriver driver = GpuDriver.none("this is a test");
    private GpuOptions gpuOptions = GpuOptions.DEFAULT;
    private CacheOptions cache = CacheOptions.NONE;
    private StatisticsOptions statistics = StatisticsOptions.DEFAULT;
    private RemoteOptions remote = RemoteOptions.NONE;
    private LimitOptions limits = LimitOptions.DEFAULT;

    public EngineFixture(Path directory, FakeBackend backend) {
        this.repository = directory.resolve("models");
        this.backends = directory.resolve("backends");
        try {
            Files.createDirectories(repository);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        PluginJar.delegatingTo(backend).writeTo(backends.resolve("fake/fake.jar"));
    }

    EngineFixture mode(ControlMode value) {
        mode = value;
        return this;
    }

    EngineFixture startupModels(String... value) {
        startupModels = List.of(value);
        return this;
    }

    EngineFixture laxReadiness() {
        strictReadiness = false;
        return this;
    }

    EngineFixture loadThreads(int value) {
        loadThreads = value;
        return this;
    }

    EngineFixture unloadTimeout(Duration value) {
        unloadTimeout = value;
        return this;
    }

    EngineFixture loadRetries(int value) {
        loadRetries = value;
        return this;
    }

    /** Has the GPUs of that driver, used as the options say. */
    public EngineFixture gpus(GpuDriver value, GpuOptions options) {
        driver = value;
        gpuOptions = options;
        return this;
    }

    EngineFixture backendStartLimit(Duration value) {
        backendStartLimit = value;
        return this;
    }

    EngineFixture allowingModelBackends() {
        allowsModelBackends = true;
        return this;
    }

    EngineFixture stayingUp() {
        exitOnError = false;
        return this;
    }

    EngineFixture scheduling(SchedulingOptions value) {
        scheduling = value;
        return this;
    }

    EngineFixture cache(CacheOptions value) {
        cache = value;
        return this;
    }

    /** Has the engine keep more of requests than counters. */
    public EngineFixture statistics(StatisticsOptions value) {
        statistics = value;
        return this;
    }

    EngineFixture limits(LimitOptions value) {
        limits = value;
        return this;
    }

    EngineFixture alsoServing(Path other) {
        moreRepositories.add(other);
        return this;
    }

    EngineFixture remote(RemoteOptions value) {
        remote = value;
        return this;
    }

    Path repository() {
        return repository;
    }

    /** Writes a model with one instance and those versions. */
    public EngineFixture model(String name, long... versions) {
        return model(name, GROUP_OF_ONE, versions);
    }

    /** Writes a model with those versions; {@code more} goes into its configuration. */
    public EngineFixture model(String name, String more, long... versions) {
        write(name + "/config.pbtxt", """
                backend: "fake"
                max_batch_size: 4
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                %s
                """.formatted(more));
        for (long version : versions) {
            write(name + "/" + version + "/model.bin", "v" + version);
        }
        return this;
    }

    /** Writes a file of the repository, so that its change shows. */
    EngineFixture write(String path, String content) {
        Path file = repository.resolve(path);
        try {
            Files.createDirectories(file.getParent());
            Files.writeString(file, content);
            Files.setLastModifiedTime(file, FileTime.fromMillis(MODIFIED.addAndGet(1000)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    EngineFixture delete(String path) {
        Path root = repository.resolve(path);
        try (Stream<Path> all = Files.walk(root)) {
            for (Path each : all.sorted((a, b) -> b.compareTo(a)).toList()) {
                Files.delete(each);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    Engine create() {
        List<Path> repositories = new ArrayList<>(List.of(repository));
        repositories.addAll(moreRepositories);
        LoadOptions loading = new LoadOptions(mode, startupModels, mode != ControlMode.EXPLICIT, Duration.ofDays(1),
                strictReadiness, loadThreads, loadRetries, unloadTimeout);
        EngineOptions options = EngineOptions.DEFAULT
                .with(RepositoryOptions.DEFAULT.withDirectories(repositories).withRemote(remote)
                        .withMissingAllowed(!exitOnError))
                .with(loading)
                .with(new BackendOptions(List.of(BackendSource.directory(backends)), Map.of(), allowsModelBackends))
                .with(scheduling)
                .with(gpuOptions)
                .with(cache)
                .with(limits)
                .with(statistics);
        Engine engine = Engine.create(options, driver, backendStartLimit);
        engines.add(engine);
        return engine;
    }

    /** Returns a started engine. */
    public Engine start() {
        Engine engine = create();
        Map<String, ?> ignored = engine.start();
        return engine;
    }

    /** Executes a request and returns the version that answered, having checked the answer. */
    public static long infer(Engine engine, String model) {
        return infer(engine, model, OptionalLong.empty());
    }

    static long infer(Engine engine, String model, OptionalLong version) {
        return infer(engine, model, version, _ -> {
        });
    }

    /** Also has something done between the look-up of the version and the submission of the request. */
    static long infer(Engine engine, String model, OptionalLong version, Consumer<ServedVersion> between) {
        byte[] sent = {1, 2, 3, 4};
        InputData input = new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{1, 4},
                MemorySegment.ofArray(sent));
        RequestData request = new RequestData("r", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(input),
                List.of(), false);
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            PendingInference pending = engine.onVersion(model, version, served -> {
                between.accept(served);
                return engine.begin(served, request, scope, InferenceClient.PATIENT);
            });
            try (var result = pending.await()) {
                byte[] got = result.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE);
                if (!Arrays.equals(sent, got)) {
                    throw new AssertionError("wrong answer " + Arrays.toString(got));
                }
            }
            return pending.version().version();
        }
    }

    /** Returns the index as one line for each entry. */
    static List<String> index(Engine engine) {
        return engine.index(false).stream().map(entry -> entry.name()
                + (entry.version().isPresent() ? " " + entry.version().getAsLong() : "")
                + entry.state().map(state -> " " + state).orElse("")
                + (entry.reason().isEmpty() ? "" : " (" + entry.reason() + ")")).toList();
    }

    static void await(CountDownLatch latch) {
        try {
            if (!latch.await(30, TimeUnit.SECONDS)) {
                throw new AssertionError("nothing happened for 30 s");
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits for what happens in the background. */
    static void until(String what, BooleanSupplier condition) {
        Eventually.until(what, condition::getAsBoolean);
    }

    @Override
    public void close() {
        engines.forEach(Engine::close);
    }
}

package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ExecutionPolicy;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Stands in for the server in tests of a backend: an engine in memory that keeps every promise of the contract and
 * checks that the backend keeps its own.
 *
 * <p>It closes a request's inputs with the answer, having looked whether native code wrote into them, reads outputs
 * only after {@code execute} has returned and on another thread, calls a confined instance on its one thread and any
 * other on a new thread each time. What breaks a rule fails with an {@code IllegalStateException} and is noted in
 * {@link #violations()}. Any thread may call an engine and its models.
 *
 * {@snippet :
 * try (TestEngine engine = TestEngine.start(new MyBackendFactory());
 *         TestModel model = engine.load(modelDirectory, config)) {
 *     TestResult result = model.infer(TestRequest.of().fp32("INPUT0", Shape.of(2), 1f, 2f));
 *     assertArrayEquals(new float[]{1f, 2f}, result.output("OUTPUT0").floats());
 * }
 * }
 */
public final class TestEngine implements AutoCloseable {
    private final Backend backend;
    private final BackendAttributes attributes;
    private final Violations violations = new Violations();
    private final CalledModels calledModels = new CalledModels();

    private final RecordedMetrics metrics;

    private TestEngine(Backend backend, BackendAttributes attributes, RecordedMetrics metrics) {
        this.backend = backend;
        this.attributes = attributes;
        this.metrics = metrics;
    }

    /** Starts a backend without settings. */
    public static TestEngine start(BackendFactory factory) {
        return start(factory, Path.of(""), Map.of());
    }

    /** Starts a backend that lies in that directory, with settings as {@code --backend-config} would give them. */
    public static TestEngine start(BackendFactory factory, Path directory, Map<String, String> settings) {
        RecordedMetrics metrics = new RecordedMetrics();
        Backend backend = factory.create(new EngineContext(factory.name(), directory,
                new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR), Map.copyOf(settings),
                metrics.of(Map.of("backend", factory.name()))));
        return new TestEngine(backend, backend.attributes(), metrics);
    }

    /** Returns what the backend declared about itself. */
    public BackendAttributes attributes() {
        return attributes;
    }

    /**
     * Offers a model that the backend's models can call, with what it answers. Models that this engine has loaded can be
     * called without that.
     */
    public void offer(String model, Function<TestRequest, TestResult> answer) {
        calledModels.offer(model, answer);
    }

    boolean offersModels() {
        return !calledModels.isEmpty();
    }

    /** Loads version 1 of a model as it is configured, with all its instances. */
    public TestModel load(Path modelDirectory, ModelConfig config) {
        return load(modelDirectory, 1, config, false);
    }

    /**
     * Loads a model with all its instances; whatever fails, what was created before is closed again.
     *
     * @param autoComplete whether the backend is asked to complete the configuration
     */
    public TestModel load(Path modelDirectory, long version, ModelConfig config, boolean autoComplete) {
        CalledModels.Calls calls = calledModels.callsOf(config.name());
        Model model = backend.createModel(new EngineModelContext(config.name(), version, modelDirectory,
                modelDirectory.resolve(Long.toString(version)), config, autoComplete, calls,
                metrics.of(Map.of("model", config.name(), "version", Long.toString(version)))));
        List<TestModel.Instance> instances = new ArrayList<>();
        List<InstanceCalls> threads = new ArrayList<>();
        try {
            ModelConfig completed = autoComplete ? model.completedConfig().orElse(config) : config;
            ModelConfig finalConfig = completed.toBuilder().instanceGroups(groups(completed)).build();
            Map<String, InstanceCalls> threadsOfDevices = new HashMap<>();
            for (InstanceContext context : instanceContexts(finalConfig)) {
                String device = attributes.executionPolicy() == ExecutionPolicy.DEVICE_BLOCKING
                        ? context.kind() + "-" + context.deviceId()
                        : context.name();
                InstanceCalls thread = threadsOfDevices.computeIfAbsent(device, ignored -> {
                    InstanceCalls created = new InstanceCalls(context.name(), attributes.threadConfinement());
                    threads.add(created);
                    return created;
                });
                ModelInstance instance = thread.call(() -> model.createInstance(context));
                instances.add(new TestModel.Instance(context.name(), instance, thread));
            }
            TestModel loaded = new TestModel(model, finalConfig, instances, threads, violations, calls);
            loaded.offerTo(calledModels);
            return loaded;
        } catch (RuntimeException | Error e) {
            new TestModel(model, config, instances, threads, violations, calls).close();
            throw e;
        }
    }

    /**
     * Returns the backend's own metrics, by name and labels as the metrics port shows them:
     * {@code scale_values_total{model="m",version="1"}}. Of a histogram that is how many values it has counted, and their
     * sum. Other than in a server, they stay when a model is closed.
     */
    public Map<String, Double> metrics() {
        return metrics.values();
    }

    /** Returns the rules broken so far. */
    public List<String> violations() {
        return violations.all();
    }

    /** Fails the test with the rules broken since the last call, if any. */
    public void assertNoViolations() {
        List<String> taken = violations.take();
        if (!taken.isEmpty()) {
            throw new AssertionError("broken rules: " + String.join("; ", taken));
        }
    }

    /** Closes the backend; its models must be closed already. */
    @Override
    public void close() {
        backend.close();
    }

    private List<InstanceGroup> groups(ModelConfig config) {
        List<InstanceGroup> chosen = config.instanceGroups();
        if (chosen.isEmpty()) {
            chosen = attributes.preferredInstanceGroups().stream()
                    .filter(group -> group.kind() != InstanceGroup.Kind.GPU).limit(1).toList();
        }
        if (chosen.isEmpty()) {
            chosen = List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1));
        }
        List<InstanceGroup> groups = new ArrayList<>();
        for (InstanceGroup group : chosen) {
            groups.add(new InstanceGroup(
                    group.name().isEmpty() ? config.name() + "_" + groups.size() : group.name(),
                    group.kind() == InstanceGroup.Kind.AUTO ? InstanceGroup.Kind.CPU : group.kind(),
                    Math.max(1, group.count()), group.gpus(), group.rateLimiter(), group.secondaryDevices(),
                    group.profiles(), group.isPassive(), group.hostPolicy()));
        }
        return groups;
    }

    private static List<InstanceContext> instanceContexts(ModelConfig config) {
        List<InstanceContext> contexts = new ArrayList<>();
        for (InstanceGroup group : config.instanceGroups()) {
            List<Integer> devices = group.gpus().isEmpty() ? List.of(0) : group.gpus();
            for (int device : devices) {
                for (int i = 0; i < group.count(); i++) {
                    String suffix = group.kind() == InstanceGroup.Kind.GPU ? "_gpu" + device : "";
                    contexts.add(new EngineInstanceContext(group.name() + "_" + i + suffix, group.kind(), device, group,
                            config));
                }
            }
        }
        return contexts;
    }

    private record EngineContext(String name, Path directory, ApiVersion serverApi,
            Map<String, String> settings, Metrics metrics) implements BackendContext {
    }

    private record EngineModelContext(String name, long version, Path modelDirectory, Path versionDirectory,
            ModelConfig config, boolean autoComplete, ModelCalls models, Metrics metrics) implements ModelContext {
    }

    private record EngineInstanceContext(String name, InstanceGroup.Kind kind, int deviceId, InstanceGroup group,
            ModelConfig config) implements InstanceContext {
    }
}

package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.crash.CrashBackendFactory;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.Inference;
import dev.nereid.engine.InferenceEngine;
import dev.nereid.engine.Response;
import dev.nereid.engine.embedded.EmbeddedEngine;
import dev.nereid.engine.model.Engine;
import dev.nereid.isolation.host.ProcessHost;
import dev.nereid.isolation.settings.IsolationSettings;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** An engine in explicit mode with models of the crash backend, and what tests ask of it. */
final class IsolationFixture implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final Path repository;
    private final Path backends;
    private final Map<String, Map<String, String>> settings = new LinkedHashMap<>();
    private long sharedBytes = EngineOptions.DEFAULT.limits().maxInFlightBytes();
    private @Nullable ProcessHost host;
    private @Nullable Engine engine;
    private @Nullable InferenceEngine inference;

    IsolationFixture(Path directory) {
        repository = directory.resolve("models");
        backends = directory.resolve("backends");
        BackendJars.write(new CrashBackendFactory(), backends);
        setting("restart-pause", "0").setting("load-check", "process");
        // Starts faster, and nobody measures here.
        settings.put("", Map.of("worker-options", "-XX:TieredStopAtLevel=1"));
    }

    IsolationFixture setting(String key, String value) {
        settings.computeIfAbsent("crash", ignored -> new LinkedHashMap<>()).put(key, value);
        return this;
    }

    /** Has each process share so many bytes of inputs, and of outputs, at a time. */
    IsolationFixture sharedBytes(long bytes) {
        sharedBytes = bytes;
        return this;
    }

    Path repository() {
        return repository;
    }

    Path backends() {
        return backends;
    }

    /** Writes a model with those parameters. */
    IsolationFixture model(String name, Map<String, String> parameters) {
        return model(name, parameters, "");
    }

    /** Writes a model with those parameters and more of a configuration. */
    IsolationFixture model(String name, Map<String, String> parameters, String more) {
        return file(name, "config.pbtxt", text(parameters, more));
    }

    /** Returns the configuration of a model with those parameters and more of it. */
    String text(Map<String, String> parameters, String more) {
        StringBuilder text = new StringBuilder("""
                backend: "crash"
                max_batch_size: 8
                input [ { name: "INPUT0" data_type: TYPE_FP32 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_FP32 dims: [ 4 ] } ]
                instance_group [ { count: 1 kind: KIND_CPU } ]
                """).append(more);
        parameters.forEach((key, value) -> text.append("parameters { key: \"" + key + "\" value { string_value: \""
                + value + "\" } }\n"));
        return text.toString();
    }

    /** Writes a file of a model, which has a version 1. */
    IsolationFixture file(String model, String name, String content) {
        try {
            Files.createDirectories(repository.resolve(model).resolve("1"));
            Files.writeString(repository.resolve(model).resolve(name), content);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return this;
    }

    /** Has the model end its process at its moment, or not. */
    void arm(String model, boolean value) {
        try {
            Path armed = repository.resolve(model).resolve("armed");
            if (value) {
                Files.writeString(armed, "");
            } else {
                boolean ignored = Files.deleteIfExists(armed);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    IsolationFixture start() {
        EngineOptions options = EngineOptions.DEFAULT.withRepository(repository)
                .withBackends(BackendSource.directory(backends));
        options = options.with(options.loading().withMode(ControlMode.EXPLICIT));
        IsolationSettings isolation = IsolationSettings.of(settings);
        ProcessHost processes = ProcessHost.create(isolation, options.backends().directories(),
                sharedBytes);
        Engine created = Engine.create(options, processes);
        host = processes;
        engine = created;
        inference = EmbeddedEngine.over(created);
        assertEquals(Map.of(), inference().start());
        return this;
    }

    Engine engine() {
        return Objects.requireNonNull(engine);
    }

    InferenceEngine inference() {
        return Objects.requireNonNull(inference);
    }

    void load(String model) {
        inference().load(model);
    }

    /** Returns a request of one row. */
    static Inference request(String model, float... values) {
        MemorySegment data = MemorySegment.ofArray(values);
        return Inference.of(model).input("INPUT0", DataType.FP32, Shape.of(1, 4), data);
    }

    /** Returns what a model answers. */
    float[] infer(String model, float... values) {
        try (Response response = inference().infer(request(model, values))) {
            return response.outputs().getFirst().data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    /** Has the process of a model end with an execution. */
    void crash(String model, String how) {
        inference().infer(request(model, 1, 2, 3, 4).withParameter("crash", Parameter.of(how))).close();
    }

    /** Returns what the index says of a model. */
    String state(String model) {
        return engine().index(false).stream().filter(entry -> entry.name().equals(model))
                .map(entry -> entry.state().map(Enum::name).orElse("") + " " + entry.reason()).findFirst().orElse("");
    }

    /** Returns the process of a model. */
    ProcessHandle processOf(String model) {
        long pid = Objects.requireNonNull(Objects.requireNonNull(host).processes().get(model));
        return ProcessHandle.of(pid).orElseThrow();
    }

    void awaitReady(String model) {
        await("model '" + model + "' is ready", () -> state(model).equals("READY "));
    }

    static void await(String what, BooleanSupplier condition) {
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not in time: " + what);
            }
            LockSupport.parkNanos(2_000_000);
        }
    }

    @Override
    public void close() {
        if (inference != null) {
            inference().close();
        }
    }
}

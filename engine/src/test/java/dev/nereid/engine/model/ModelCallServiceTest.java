package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.caller.CallerBackendFactory;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceEvent;
import dev.nereid.engine.trace.TraceExporter;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models of a real engine that call one another; each has one instance, with a thread of its own. */
class ModelCallServiceTest {
    private static final byte[] SENT = {1, 2, 3, 4};

    @TempDir
    private Path directory;

    private ModelCallServiceTest model(String name, String callee) throws IOException {
        return model(name, callee, "");
    }

    private ModelCallServiceTest model(String name, String callee, String more) throws IOException {
        String parameter = callee.isEmpty()
                ? ""
                : "parameters { key: \"callee\" value { string_value: \"" + callee + "\" } }";
        Files.createDirectories(directory.resolve("models/" + name + "/1"));
        Files.writeString(directory.resolve("models/" + name + "/config.pbtxt"), """
                backend: "caller"
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                instance_group [ { count: 1 kind: KIND_CPU } ]
                """ + parameter + more);
        return this;
    }

    private Engine start() throws IOException {
        Path jar = Files.createDirectories(directory.resolve("backends")).resolve("caller.jar");
        try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar))) {
            for (Class<?> type : List.of(CallerBackendFactory.class, CallerBackendFactory.class
                    .getDeclaredClasses()[0])) {
                String file = type.getName().replace('.', '/') + ".class";
                out.putNextEntry(new JarEntry(file));
                try (InputStream code = type.getClassLoader().getResourceAsStream(file)) {
                    Objects.requireNonNull(code).transferTo(out);
                }
            }
            out.putNextEntry(new JarEntry("META-INF/extensions.idx"));
            out.write(CallerBackendFactory.class.getName().getBytes(StandardCharsets.UTF_8));
        }
        EngineOptions options = EngineOptions.DEFAULT
                .with(RepositoryOptions.DEFAULT.withDirectories(List.of(directory.resolve("models"))))
                .with(BackendOptions.DEFAULT.withSources(BackendSource.directory(directory.resolve("backends"))));
        Engine engine = Engine.create(options, GpuDriver.none("this is a test"));
        assertEquals(Map.of(), engine.start());
        return engine;
    }

    private static byte[] infer(Engine engine, String model) {
        return infer(engine, model, InferenceClient.PATIENT);
    }

    private static byte[] infer(Engine engine, String model, InferenceClient client) {
        return infer(engine, model, client, CorrelationId.NONE, false, false);
    }

    private static byte[] infer(Engine engine, String model, CorrelationId sequence, boolean isStart, boolean isEnd) {
        return infer(engine, model, InferenceClient.PATIENT, sequence, isStart, isEnd);
    }

    private static byte[] infer(Engine engine, String model, InferenceClient client, CorrelationId sequence,
            boolean isStart, boolean isEnd) {
        InputData input = new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{4},
                MemorySegment.ofArray(SENT));
        RequestData request = new RequestData("r", Map.of(), sequence, isStart, isEnd, 0, 0, List.of(input),
                List.of(), false);
        try (BufferScope scope = new BufferScope(engine.buffers());
                var result = engine.infer(engine.lookup(model, OptionalLong.empty()), request, scope,
                        client)) {
            return result.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static InferenceException failure(Engine engine, String model) {
        return assertThrows(InferenceException.class, () -> infer(engine, model));
    }

    @Test
    void aModelAnswersWithWhatAnotherSaid() throws IOException {
        try (Engine engine = model("a", "b").model("b", "c").model("c", "").start()) {
            for (int i = 0; i < 20; i++) {
                assertArrayEquals(SENT, infer(engine, "a"));
            }
            assertEquals(0, engine.buffers().inUseBytes());
        }
    }

    @Test
    void aCallMayBePartOfASequence() throws IOException {
        try (Engine engine = model("a", "b")
                .model("b", "", " sequence_batching { max_sequence_idle_microseconds: 60000000 }")
                .start()) {
            CorrelationId id = new CorrelationId.Text("s");
            assertEquals(
                    "inference request for sequence s to model 'b' must specify the START flag on the first request of"
                            + " the sequence",
                    assertThrows(InferenceException.class, () -> infer(engine, "a", id, false, false)).getMessage());
            assertArrayEquals(SENT, infer(engine, "a", id, true, false));
            assertArrayEquals(SENT, infer(engine, "a", id, false, false));
            assertArrayEquals(SENT, infer(engine, "a", id, false, true));
            assertFalse(engine.hasSequences());
        }
    }

    @Test
    void modelsThatCallInACircleAreRefused() throws IOException {
        try (Engine engine = model("a", "b").model("b", "a").model("self", "self").start()) {
            assertEquals(StatusCode.UNSUPPORTED, failure(engine, "self").code());
            assertEquals("model 'b' can't call model 'a': they would wait for each other (b -> a -> b)",
                    failure(engine, "a").getMessage());
            assertEquals(StatusCode.UNSUPPORTED, failure(engine, "b").code());
            assertEquals(0, engine.buffers().inUseBytes());
        }
    }

    private ModelCallServiceTest ensemble(String name, String first, String second) throws IOException {
        Files.createDirectories(directory.resolve("models/" + name + "/1"));
        Files.writeString(directory.resolve("models/" + name + "/config.pbtxt"), """
                platform: "ensemble"
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                ensemble_scheduling { step [
                  { model_name: "%s" model_version: -1 input_map { key: "INPUT0" value: "INPUT0" }
                    output_map { key: "OUTPUT0" value: "x" } },
                  { model_name: "%s" model_version: -1 input_map { key: "INPUT0" value: "x" }
                    output_map { key: "OUTPUT0" value: "OUTPUT0" } }
                ] }
                """.formatted(first, second));
        return this;
    }

    @Test
    void aModelMayCallAnEnsembleThatItIsNoPartOf() throws IOException {
        try (Engine engine = model("a", "e").ensemble("e", "b", "c").model("b", "").model("c", "d").model("d", "")
                .ensemble("around", "a", "d").start()) {
            for (int i = 0; i < 20; i++) {
                assertArrayEquals(SENT, infer(engine, "around"));
            }
            assertEquals(20, engine.lookup("e", OptionalLong.empty()).statistics().success().count());
            assertEquals(0, engine.buffers().inUseBytes());
        }
    }

    @Test
    void aModelThatCallsAnEnsembleWhichWaitsForItIsRefused() throws IOException {
        try (Engine engine = model("a", "e").ensemble("e", "b", "a").model("b", "").model("c", "f")
                .ensemble("f", "d", "b").model("d", "c").start()) {
            assertEquals("model 'a' can't call model 'a': they would wait for each other (a -> a)",
                    failure(engine, "a").getMessage());
            assertEquals(StatusCode.UNSUPPORTED, failure(engine, "e").code());
            assertEquals(
                    "in ensemble 'f', model 'd' can't call model 'c': they would wait for each other (d -> c -> d)",
                    failure(engine, "c").getMessage());
            assertEquals(0, engine.buffers().inUseBytes());
        }
    }

    @Test
    void theTraceOfARequestHasThoseOfTheCallsThatItLedTo() throws IOException {
        List<RequestTrace> finished = new ArrayList<>();
        try (Engine engine = model("a", "e").ensemble("e", "b", "c").model("b", "").model("c", "").start();
                Tracer tracer = Tracer.create(
                        new TraceSettings(Set.of(TraceLevel.TIMESTAMPS), 1, -1, 0),
                        Optional.of(new Exporter(finished)))) {
            RequestTrace trace = tracer.begin("a");

            assertArrayEquals(SENT, infer(engine, "a", InferenceClient.patient(trace)));
            tracer.finish(trace);

            assertEquals(List.of(trace), finished);
            RequestTrace called = trace.children().getFirst();
            assertEquals(1, trace.children().size());
            assertEquals(trace.id(), called.parentId());
            assertEquals(new TraceEvent.Model("e", 1, "r", 1), called.events().getFirst());
            assertEquals(List.of("b", "c"), called.children().stream()
                    .map(step -> ((TraceEvent.Model) step.events().getFirst()).name()).toList());
            assertEquals(List.of(2L, 3L, 4L), List.of(called.id(), called.children().getFirst().id(),
                    called.children().getLast().id()));
        }
    }

    private record Exporter(List<RequestTrace> finished) implements TraceExporter {
        @Override
        public String mode() {
            return "list";
        }

        @Override
        public Map<String, List<String>> settings() {
            return Map.of();
        }

        @Override
        public boolean hasRemoteSpans() {
            return false;
        }

        @Override
        public void export(RequestTrace trace) {
            finished.add(trace);
        }

        @Override
        public void close() {
        }
    }

    @Test
    void theCallersClientGetsTheError() throws IOException {
        try (Engine engine = model("a", "missing").start()) {
            assertEquals(StatusCode.NOT_FOUND, failure(engine, "a").code());
        }
    }

    @Test
    void aCalledRequestIsCancelledWithItsCallers() throws IOException {
        try (Engine engine = model("a", "").start()) {
            AtomicBoolean isGone = new AtomicBoolean();
            ActiveRequest request = new ActiveRequest(
                    new ActiveRequest.Content(new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0,
                            List.of(), List.of(), false), List.of(), 1, Set.of()),
                    new ModelIo(false, outputs -> outputs, new ModelStatistics(), 1), engine.buffers(),
                    new SingleResponse(), 0);
            request.cancelWhen(isGone::get);
            assertFalse(request.isCancelled());

            isGone.set(true);

            assertTrue(request.isCancelled());
        }
    }
}

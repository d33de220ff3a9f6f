package dev.nereid.engine.embedded;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.LoadOptions;
import dev.nereid.engine.Inference;
import dev.nereid.engine.InferenceEngine;
import dev.nereid.engine.ModelStatus;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedEngineTest {
    private static final byte[] SENT = {1, 2, 3, 4};

    @TempDir
    private Path repository;

    /** Answers with its input; as often as the input's first byte says where the model is decoupled. */
    private static final class EchoFactory implements BackendFactory {
        @Override
        public String name() {
            return "echo";
        }

        @Override
        public ApiVersion builtFor() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }

        @Override
        public Backend create(BackendContext context) {
            return model -> instance -> batch -> batch.requests()
                    .forEach(request -> answer(request, model.config().isDecoupled()));
        }

        private static void answer(InferenceRequest request, boolean isDecoupled) {
            Tensor input = request.input("INPUT0").orElseThrow();
            if (!isDecoupled) {
                response(request, input).send();
                return;
            }
            int count = input.data().get(ValueLayout.JAVA_BYTE, 0);
            for (int i = 0; i < count; i++) {
                response(request, input).sendPartial();
            }
            request.complete();
        }

        private static InferenceResponse response(InferenceRequest request, Tensor input) {
            InferenceResponse response = request.newResponse();
            response.copyOutput("OUTPUT0", input.dataType(), input.shape(), input.data());
            return response;
        }
    }

    /** Collects the answers of a request. */
    private static final class Collector implements ResponseListener {
        private final List<Integer> sizes = new ArrayList<>();
        private final CompletableFuture<List<Integer>> end = new CompletableFuture<>();

        @Override
        public void response(Response response, boolean isLast) {
            sizes.add((int) response.output("OUTPUT0").orElseThrow().byteSize());
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException error) {
            if (error == null) {
                end.complete(List.copyOf(sizes));
            } else {
                end.completeExceptionally(error);
            }
        }
    }

    @BeforeEach
    void writeModels() throws IOException {
        for (String name : List.of("echo", "stream")) {
            Files.createDirectories(repository.resolve(name + "/1"));
            Files.writeString(repository.resolve(name + "/config.pbtxt"), """
                    backend: "echo"
                    input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                    output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                    instance_group [ { count: 1 kind: KIND_CPU } ]
                    """ + (name.equals("stream") ? "model_transaction_policy { decoupled: true }" : ""));
        }
    }

    private InferenceEngine create() {
        return InferenceEngine.create(EngineOptions.DEFAULT.withRepository(repository)
                .withBackends(BackendSource.of(new EchoFactory())));
    }

    private InferenceEngine start() {
        InferenceEngine engine = create();
        assertEquals(Map.of(), engine.start());
        return engine;
    }

    private static Inference request(String model, MemorySegment data) {
        return Inference.of(model).input("INPUT0", DataType.UINT8, Shape.of(4), data);
    }

    @Test
    void answersWithABackendOfTheClassPath() {
        try (InferenceEngine engine = start();
                Response response = engine.infer(request("echo", MemorySegment.ofArray(SENT)))) {
            assertTrue(engine.isReady());
            Tensor output = response.output("OUTPUT0").orElseThrow();
            assertArrayEquals(SENT, output.data().toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Test
    void takesMemoryOfOneThreadOnly() {
        try (InferenceEngine engine = start(); Arena arena = Arena.ofConfined()) {
            MemorySegment data = arena.allocate(4).copyFrom(MemorySegment.ofArray(SENT));
            try (Response response = engine.infer(request("echo", data))) {
                assertArrayEquals(SENT, response.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE));
            }
        }
    }

    @Test
    void aListenerGetsEveryAnswerAndOneEnd() throws Exception {
        try (InferenceEngine engine = start()) {
            for (byte count : new byte[]{0, 1, 3, 100}) {
                Collector collector = new Collector();
                engine.submit(request("stream", MemorySegment.ofArray(new byte[]{count, 0, 0, 0})), collector);
                assertEquals(count, collector.end.get(30, TimeUnit.SECONDS).size());
            }
        }
    }

    @Test
    void aDecoupledModelNeedsAListener() {
        try (InferenceEngine engine = start()) {
            var failure = assertThrows(InferenceException.class,
                    () -> engine.infer(request("stream", MemorySegment.ofArray(SENT))));
            assertEquals(StatusCode.UNSUPPORTED, failure.code());
        }
    }

    @Test
    void tellsWhatIsWrongWithARequestBeforeItIsTaken() {
        try (InferenceEngine engine = start()) {
            Collector collector = new Collector();
            Inference wrong = Inference.of("echo").input("INPUT0", DataType.UINT8, Shape.of(3),
                    MemorySegment.ofArray(new byte[3]));
            assertThrows(InferenceException.class, () -> engine.submit(wrong, collector));
            assertFalse(collector.end.isDone(), "the listener gets nothing");
            assertEquals("Request for unknown model: 'none' is not found",
                    assertThrows(InferenceException.class, () -> engine.infer(Inference.of("none"))).getMessage());
        }
    }

    @Test
    void loadsAndUnloadsByRequest() {
        EngineOptions options = EngineOptions.DEFAULT.withRepository(repository)
                .withBackends(BackendSource.of(new EchoFactory()))
                .with(LoadOptions.DEFAULT.withMode(ControlMode.EXPLICIT));
        try (InferenceEngine engine = InferenceEngine.create(options)) {
            assertEquals(Map.of(), engine.start());
            engine.load("echo");
            assertEquals(1, engine.version("echo", OptionalLong.empty()).number());
            engine.unload("echo");
            assertThrows(InferenceException.class, () -> engine.version("echo", OptionalLong.empty()));
            ModelStatus echo = engine.models().stream().filter(each -> each.model().equals("echo")).findFirst()
                    .orElseThrow();
            assertEquals("UNAVAILABLE", echo.state());
            assertEquals("unloaded", echo.reason());
        }
    }
}

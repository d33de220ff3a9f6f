package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A jar that was built against version 1.0 of the API, and never again, works on the server as it is now. */
class OldBackendTest {
    private static final byte[] SENT = {1, 2, 3, 4};
    private static final byte[] REVERSED = {4, 3, 2, 1};

    @AutoClose
    private final EngineFixture fixture;

    OldBackendTest(@TempDir Path directory) throws IOException {
        fixture = new EngineFixture(directory, new FakeBackend("fake"));
        try (InputStream jar = OldBackendTest.class
                .getResourceAsStream("/dev/nereid/engine/plugin/api-1.0/reverse.jar")) {
            Files.copy(Objects.requireNonNull(jar), directory.resolve("backends/reverse.jar"));
        }
    }

    private Engine load(int maxBatchSize) {
        Engine engine = fixture.model("m", 1).write("m/config.pbtxt", """
                backend: "reverse"
                max_batch_size: %d
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                """.formatted(maxBatchSize)).start();
        engine.load("m", LoadOverride.NONE);
        return engine;
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 8})
    void isLoadedExecutedAndUnloaded(int maxBatchSize) {
        Engine engine = load(maxBatchSize);
        long[] shape = maxBatchSize == 0 ? new long[]{4} : new long[]{1, 4};
        RequestData request = new RequestData("r", Map.of(), CorrelationId.NONE, false, false, 0, 0,
                List.of(new InputData("INPUT0", Optional.of(DataType.UINT8), shape, MemorySegment.ofArray(SENT))),
                List.of(), false);
        try (BufferScope scope = new BufferScope(engine.buffers());
                var result = engine.infer(engine.lookup("m", OptionalLong.empty()), request, scope,
                        InferenceClient.PATIENT)) {
            assertArrayEquals(REVERSED, result.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE));
        }

        assertEquals(List.of("reverse_bytes_total", "reverse_settings"),
                engine.backendMetrics().stream().map(family -> family.name()).toList());
        engine.unload("m", false);
        assertEquals(List.of("reverse_settings"),
                engine.backendMetrics().stream().map(family -> family.name()).toList());
    }
}

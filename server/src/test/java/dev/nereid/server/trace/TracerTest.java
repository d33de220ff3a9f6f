package dev.nereid.server.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TraceChange;
import dev.nereid.engine.trace.TraceChange.Changed;
import dev.nereid.engine.trace.TraceChange.Cleared;
import dev.nereid.engine.trace.TraceChange.Kept;
import dev.nereid.engine.trace.TraceChange.Value;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TracePoint;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TracerTest {
    private static final Set<TraceLevel> TIMESTAMPS = Set.of(TraceLevel.TIMESTAMPS);

    @TempDir
    private Path directory;

    private Tracer tracer(Set<TraceLevel> levels, int rate, int count, int logFrequency) {
        return Tracer.create(new TraceSettings(levels, rate, count, logFrequency),
                Optional.of(TraceWriter.start(directory.resolve("trace.json"))));
    }

    private String file(String name) throws IOException {
        return Files.readString(directory.resolve(name));
    }

    private static TraceChange change(Value<Set<TraceLevel>> levels, Value<Integer> rate, Value<Integer> count) {
        return new TraceChange(levels, rate, count, new Kept<>());
    }

    private static void trace(Tracer tracer, String model) {
        RequestTrace trace = tracer.begin(model);
        trace.mark(TracePoint.REQUEST_START, 5);
        tracer.finish(trace);
    }

    @Test
    void tracesNothingByDefault() {
        try (Tracer tracer = Tracer.create(TraceSettings.DEFAULT, Optional.empty())) {
            assertFalse(tracer.isOn());
            assertSame(RequestTrace.OFF, tracer.begin("m"));
            assertEquals(Optional.empty(), tracer.exporter());
        }
        assertFalse(Files.exists(directory.resolve("trace.json")));
    }

    @Test
    void writesWhatWasNotedInOrder() throws IOException {
        try (Tracer tracer = tracer(TIMESTAMPS, 1, -1, 0)) {
            RequestTrace trace = tracer.begin("m");
            trace.mark(TracePoint.HTTP_RECV_START, 10);
            trace.model("m", 3, "");
            trace.mark(TracePoint.COMPUTE_END, 20);
            tracer.finish(trace);
            RequestTrace second = tracer.begin("m");
            second.model("m", 3, "my \"id\"");
            tracer.finish(second);
        }
        assertEquals("[{\"id\":1,\"timestamps\":[{\"name\":\"HTTP_RECV_START\",\"ns\":10}]},"
                + "{\"id\":1,\"model_name\":\"m\",\"model_version\":3},"
                + "{\"id\":1,\"timestamps\":[{\"name\":\"COMPUTE_END\",\"ns\":20}]},"
                + "{\"id\":2,\"model_name\":\"m\",\"model_version\":3,\"request_id\":\"my \\\"id\\\"\"}]",
                file("trace.json"));
    }

    @Test
    void writesTensorsWhereTheyAreAskedFor() throws IOException {
        MemorySegment data = MemorySegment.ofArray(new byte[]{1, 0, -1, -1});
        Tensor tensor = new Tensor("INPUT0", DataType.INT16, Shape.of(1, 2), data);
        try (Tracer tracer = tracer(Set.of(TraceLevel.TENSORS), 1, -1, 0)) {
            RequestTrace trace = tracer.begin("m");
            trace.mark(TracePoint.REQUEST_START);
            trace.queuedInputs(List.of(tensor));
            data.fill((byte) 9);
            tracer.finish(trace);
        }
        assertEquals("[{\"id\":1,\"activity\":\"TENSOR_QUEUE_INPUT\",\"tensor\":{\"name\":\"INPUT0\",\"data\":\"1,-1\","
                + "\"shape\":\"1,2\",\"dtype\":\"INT16\"}}]", file("trace.json"));
    }

    @Test
    void splitsFiles() throws IOException {
        try (Tracer tracer = tracer(TIMESTAMPS, 1, -1, 2)) {
            for (int i = 0; i < 5; i++) {
                trace(tracer, "m");
            }
        }
        assertEquals(2, file("trace.json.0").split("REQUEST_START", -1).length - 1);
        assertEquals(2, file("trace.json.1").split("REQUEST_START", -1).length - 1);
        assertEquals("[{\"id\":5,\"timestamps\":[{\"name\":\"REQUEST_START\",\"ns\":5}]}]", file("trace.json.2"));
        assertFalse(Files.exists(directory.resolve("trace.json")));
    }

    @Test
    void selectsByRateAndCount() {
        try (Tracer tracer = tracer(TIMESTAMPS, 3, 2, 0)) {
            int traced = 0;
            for (int i = 1; i <= 12; i++) {
                boolean isOn = tracer.begin("m").isOn();
                traced += isOn ? 1 : 0;
                assertEquals(isOn, i == 3 || i == 6, "request " + i);
            }
            assertEquals(2, traced);
            assertEquals(0, tracer.settings().count());
        }
    }

    @Test
    void letsAModelHaveItsOwn() {
        try (Tracer tracer = tracer(TIMESTAMPS, 1, 10, 0)) {
            TraceSettings own = tracer.change("a",
                    change(new Changed<>(Set.of()), new Changed<>(9), new Kept<>()));
            assertEquals(new TraceSettings(Set.of(), 9, 10, 0), own);
            assertFalse(tracer.begin("a").isOn());
            assertTrue(tracer.begin("b").isOn());
            assertEquals(9, tracer.settings("b").count());

            tracer.change(change(new Kept<>(), new Changed<>(7), new Changed<>(5)));
            assertEquals(new TraceSettings(Set.of(), 9, 5, 0), tracer.settings("a"));

            TraceSettings cleared = tracer.change("a", change(new Cleared<>(), new Cleared<>(), new Cleared<>()));
            assertEquals(new TraceSettings(TIMESTAMPS, 7, 5, 0), cleared);
            assertEquals(tracer.settings(), cleared);
        }
    }

    @Test
    void countsForAModelThatHasACount() {
        try (Tracer tracer = tracer(Set.of(), 1, -1, 0)) {
            tracer.change("a", change(new Changed<>(TIMESTAMPS), new Kept<>(), new Changed<>(1)));

            assertTrue(tracer.begin("a").isOn());
            assertFalse(tracer.begin("a").isOn());
            assertFalse(tracer.begin("b").isOn());
            assertEquals(0, tracer.settings("a").count());
            assertEquals(-1, tracer.settings().count());
        }
    }

    @Test
    void returnsToTheCommandLine() {
        try (Tracer tracer = tracer(TIMESTAMPS, 4, 3, 2)) {
            tracer.change(new TraceChange(new Changed<>(Set.of()), new Changed<>(1), new Changed<>(1),
                    new Changed<>(1)));
            assertFalse(tracer.isOn());

            assertEquals(new TraceSettings(TIMESTAMPS, 4, 3, 2), tracer.change(
                    new TraceChange(new Cleared<>(), new Cleared<>(), new Cleared<>(), new Cleared<>())));
            assertTrue(tracer.isOn());
        }
    }

    @Test
    void refusesWhatCannotWork() {
        try (Tracer tracer = Tracer.create(TraceSettings.DEFAULT, Optional.empty());
                Tracer withFile = tracer(Set.of(), 1, -1, 0)) {
            TraceChange on = change(new Changed<>(TIMESTAMPS), new Kept<>(), new Kept<>());
            assertEquals("Attempting to set invalid trace setting :trace file name is not given",
                    assertThrows(InferenceException.class, () -> tracer.change(on)).getMessage());
            assertEquals("Attempting to set invalid trace setting :sample rate must be non-zero",
                    assertThrows(InferenceException.class, () -> withFile.change("m",
                            change(new Changed<>(TIMESTAMPS), new Changed<>(0), new Kept<>()))).getMessage());
            assertEquals(TraceSettings.DEFAULT, tracer.settings());
            assertFalse(withFile.isOn());
        }
    }

    @Test
    void goesOnWhereTheFileCannotBeWritten() {
        try (Tracer tracer = Tracer.create(new TraceSettings(TIMESTAMPS, 1, -1, 0),
                Optional.of(TraceWriter.start(directory.resolve("missing").resolve("trace.json"))))) {
            trace(tracer, "m");
            trace(tracer, "m");
            assertTrue(tracer.isOn());
        }
    }
}

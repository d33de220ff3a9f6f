package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.testkit.FakeBackend;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code model_warmup} executes before a model serves. */
class WarmUpTest {
    private final FakeBackend backend = new FakeBackend("fake").onExecute(this::execute);
    private final List<byte[]> inputs = new CopyOnWriteArrayList<>();
    private final EngineFixture fixture;

    WarmUpTest(@TempDir Path directory) {
        fixture = new EngineFixture(directory, backend);
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    private void execute(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            inputs.add(request.inputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE));
        }
        FakeBackend.echo(batch);
    }

    private static String sample(String settings, String data) {
        return " model_warmup [ { name: \"w\" " + settings + " inputs { key: \"INPUT0\" value { data_type: TYPE_UINT8 "
                + "dims: [ 4 ] " + data + " } } } ]";
    }

    private Engine load(String more) {
        Engine engine = fixture.model("m", EngineFixture.GROUP_OF_ONE + more, 1).start();
        engine.load("m", LoadOverride.NONE);
        return engine;
    }

    private String failure(String more) {
        Engine engine = fixture.model("m", EngineFixture.GROUP_OF_ONE + more, 1).start();
        String message = assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE)).getMessage();
        assertEquals(0, engine.buffers().inUseBytes());
        return message;
    }

    private List<String> executions() {
        return backend.events().stream().filter(event -> event.startsWith("execute")).toList();
    }

    @Test
    void runsOnEveryInstanceBeforeItServes() {
        Engine engine = fixture.model("m", "instance_group [ { count: 2 kind: KIND_CPU } ]"
                + sample("batch_size: 2", "random_data: true"), 1).start();
        engine.load("m", LoadOverride.NONE);

        assertEquals(List.of("create fake", "createModel m 1", "createInstance m_0_0", "execute m_0_0 [2 requests]",
                "createInstance m_0_1", "execute m_0_1 [2 requests]"), backend.events());
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @ParameterizedTest
    @CsvSource({"batch_size: 3, 1, 3", "batch_size: 1 count: 0, 1, 1", "batch_size: 2 count: 3, 3, 2"})
    void executesCopiesOfTheSampleAsOftenAsItSays(String settings, int times, int copies) {
        Engine engine = load(sample(settings, "zero_data: true"));

        assertEquals(times, executions().size());
        assertEquals(List.of("execute m_0_0 [" + copies + " requests]"), executions().stream().distinct().toList());
        // They are nobody's requests.
        assertEquals(0, engine.readyVersions("m").getFirst().statistics().success().count());
        assertEquals(0, engine.readyVersions("m").getFirst().statistics().executionCount());
    }

    @Test
    void skipsSamplesWithoutABatch() {
        Engine ignored = load(sample("batch_size: 0", "zero_data: true"));

        assertEquals(List.of(), executions());
    }

    @Test
    void fillsInZerosOrRandomNumbers() {
        Engine engine = load(sample("batch_size: 1", "zero_data: true"));
        assertArrayEquals(new byte[4], inputs.getFirst());

        fixture.model("r", EngineFixture.GROUP_OF_ONE + sample("batch_size: 1", "random_data: true"), 1);
        engine.load("r", LoadOverride.NONE);
        assertFalse(List.of(0, 0, 0, 0).equals(numbers(inputs.getLast())));
    }

    private static List<Integer> numbers(byte[] bytes) {
        return List.of((int) bytes[0], (int) bytes[1], (int) bytes[2], (int) bytes[3]);
    }

    @Test
    void readsDataFromAFile() {
        fixture.write("m/warmup/four", "abcdefg");

        Engine ignored = load(sample("batch_size: 2", "input_data_file: \"four\""));

        assertEquals(2, inputs.size());
        assertArrayEquals(new byte[]{'a', 'b', 'c', 'd'}, inputs.getFirst());
    }

    @Test
    void readsStringsBehindTheirLength() {
        fixture.model("m", 1).write("m/warmup/text", "\3\0\0\0one\0\0\0\0").write("m/config.pbtxt", """
                backend: "fake"
                max_batch_size: 4
                input [ { name: "INPUT0" data_type: TYPE_STRING dims: [ 2 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_STRING dims: [ 2 ] } ]
                model_warmup [ { name: "w" batch_size: 1 inputs { key: "INPUT0"
                    value { data_type: TYPE_STRING dims: [ 2 ] input_data_file: "text" } } } ]
                """);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);

        assertArrayEquals(new byte[]{3, 0, 0, 0, 'o', 'n', 'e', 0, 0, 0, 0}, inputs.getFirst());
    }

    @Test
    void aFileThatIsTooShortFailsTheLoad() {
        fixture.write("m/warmup/three", "abc");

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Invalid argument: warmup data file "
                + "'three' for input 'INPUT0' has 3 bytes, expected 4;\n",
                failure(sample("batch_size: 1", "input_data_file: \"three\"")));
    }

    @Test
    void aFileThatIsNotThereFailsTheLoad() {
        String failure = failure(sample("batch_size: 1", "input_data_file: \"none\""));

        assertTrue(failure.contains("failed to open text file for read "), failure);
        assertTrue(failure.contains("m/warmup/none: No such file or directory"), failure);
    }

    @Test
    void aFailureFailsTheLoad() {
        backend.onExecute(batch -> {
            throw InferenceException.internal("kernel missing");
        });

        assertEquals("load failed for model 'm': version 1 is at UNAVAILABLE state: Internal: failed to run warmup "
                + "sample 'w': kernel missing;\n", failure(sample("batch_size: 2", "zero_data: true")));
        assertEquals(List.of("closeInstance m_0_0", "closeModel m 1"),
                backend.events().stream().filter(event -> event.startsWith("close")).toList());
    }

    @Test
    void aSampleThatTheModelDoesNotTakeFailsTheLoad() {
        String failure = failure(sample("batch_size: 1", "zero_data: true").replace("dims: [ 4 ]", "dims: [ 5 ]"));

        assertTrue(failure.contains("unexpected shape for input 'INPUT0' for model 'm'"), failure);
    }

    @Test
    void showsThatABatchWaitsLongerThanAnExecutionTakes() {
        String batching = " dynamic_batching { preferred_batch_size: [ 2 ] max_queue_delay_microseconds: 90000 }";
        fixture.model("unknown", EngineFixture.GROUP_OF_ONE + batching, 1);
        try (LogRecorder log = LogRecorder.start()) {
            Engine engine = load(batching + sample("batch_size: 2", "zero_data: true"));
            engine.load("unknown", LoadOverride.NONE);

            assertTrue(log.lines().stream().anyMatch(line -> line.matches("WARNING model 'm', dynamic_batching: "
                    + "max_queue_delay_microseconds is 90000: a batch that reaches no preferred size waits that long, an "
                    + "execution takes \\d+ microseconds")), log.lines()::toString);
            assertTrue(log.lines().stream().noneMatch(line -> line.contains("model 'unknown', dynamic_batching")),
                    log.lines()::toString);
        }
    }
}

package dev.nereid.tools.tune;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.BackendSource;
import dev.nereid.tools.report.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The whole command with a model that waits: 4 ms for an execution, however many rows it has. */
@Timeout(120)
class TuneCommandTest {
    private static final String CONFIG = """
            # ours
            backend: "waits"
            max_batch_size: 8
            instance_group [ { count: 1 kind: KIND_CPU } ]
            input [ { name: "IN" data_type: TYPE_FP32 dims: [ 2 ] } ]
            output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 2 ] } ]
            """;

    @TempDir
    private Path models;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final AtomicBoolean isStopped = new AtomicBoolean();
    private final List<Integer> sizes = new ArrayList<>();
    private volatile String failure = "";

    @BeforeEach
    void writeModel() throws IOException {
        write("m", CONFIG);
    }

    private void write(String name, String config) throws IOException {
        Files.createDirectories(models.resolve(name).resolve("1"));
        Files.writeString(models.resolve(name).resolve("config.pbtxt"), config);
    }

    private void execute(Batch batch) {
        if (!failure.isEmpty()) {
            throw InferenceException.unavailable(failure);
        }
        synchronized (sizes) {
            sizes.add(batch.requests().size());
        }
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(4));
        batch.requests().forEach(request -> {
            var input = request.inputs().getFirst();
            var response = request.newResponse();
            response.copyOutput("OUT", input.dataType(), input.shape(), input.data());
            response.send();
        });
    }

    private int run(String model, String... flags) {
        List<String> arguments = new ArrayList<>(List.of(model, "--model-repository=" + models));
        arguments.addAll(List.of(flags));
        return TuneCommand.run(arguments, Optional.of(models), new PrintStream(out, true, UTF_8),
                Progress.none(System.err), new PrintStream(err, true, UTF_8), isStopped,
                _ -> BackendSource.of(new FakeBackend("waits").onExecute(this::execute)));
    }

    private String config() throws IOException {
        return Files.readString(models.resolve("m/config.pbtxt"));
    }

    @Test
    void findsThatBatchingGainsAndWritesIt() throws IOException {
        Path report = models.resolve("report.html");
        int status = run("m", "--latency-p99=60ms", "--time=4s", "--apply", "--html=" + report);

        assertEquals(0, status, () -> out.toString(UTF_8) + err.toString(UTF_8));
        assertTrue(config().startsWith("# ours\nbackend: \"waits\"\n"), config());
        assertTrue(config().contains("dynamic_batching { "), config());
        assertEquals(CONFIG, Files.readString(models.resolve("m/config.pbtxt.before")));
        String shown = out.toString(UTF_8);
        assertTrue(shown.contains("+ dynamic_batching { "), shown);
        assertTrue(shown.contains("as it is today"), shown);
        assertTrue(shown.contains("more requests within 60.0 ms"), shown);
        synchronized (sizes) {
            assertTrue(sizes.stream().anyMatch(size -> size > 1), "batches were made");
        }
        String page = Files.readString(report);
        assertTrue(page.contains("<polyline") && page.contains("+ dynamic_batching"), page);
        assertFalse(Files.exists(models.resolve("m/config.pbtxt.part")));
    }

    @Test
    void changesNothingUnlessToldSo() throws IOException {
        // One execution after the other would be 250 a second at most.
        assertEquals(3, run("m", "--latency-p99=60ms", "--rate=400", "--time=3s"),
                () -> out.toString(UTF_8) + err.toString(UTF_8));
        assertEquals(CONFIG, config());
        assertTrue(out.toString(UTF_8).contains(" keeps the goal, which today's setting does not"),
                out.toString(UTF_8));
    }

    @Test
    void whatIsAlreadyBestStays() throws IOException {
        String best = CONFIG.replace("max_batch_size: 8", "max_batch_size: 1").replace("count: 1",
                "count: " + Runtime.getRuntime().availableProcessors());
        write("m", best);
        assertEquals(0, run("m", "--latency-p99=60ms", "--time=1s", "--apply"), () -> out.toString(UTF_8));
        assertEquals(best, config());
        assertTrue(out.toString(UTF_8).contains("today's setting is as good as any")
                || out.toString(UTF_8).contains("no gain"), out.toString(UTF_8));
    }

    @Test
    void aGoalThatNothingKeepsIsSaid() {
        assertEquals(1, run("m", "--latency-p99=1ms", "--time=2s"));
        assertTrue(out.toString(UTF_8).contains("no setting keeps 99 of 100 requests within 1.0 ms"),
                out.toString(UTF_8));
    }

    @Test
    void aModelThatFailsIsSaid() {
        failure = "out of ink";
        assertEquals(1, run("m", "--latency-p99=60ms", "--time=2s"));
        assertTrue(
                err.toString(UTF_8).contains("the model fails with 1 rows: ")
                        && err.toString(UTF_8).contains("out of ink"),
                err.toString(UTF_8));
    }

    @Test
    void anInterruptKeepsWhatIsKnown() {
        isStopped.set(true);
        assertEquals(1, run("m", "--latency-p99=60ms", "--html=" + models));
        assertTrue(out.toString(UTF_8).contains("setting"), out.toString(UTF_8));
        // Told after it: a report that can't be written loses nothing.
        assertTrue(err.toString(UTF_8).startsWith("error: can't write " + models), err.toString(UTF_8));
    }

    @ParameterizedTest
    @CsvSource({"--latency-p99=20, '--latency-p99 has value ''20'', expected a time such as 20ms, 1.5s or 5m'",
        "--latency-p99=0ms, '--latency-p99 has value ''0ms'', expected a time such as 20ms, 1.5s or 5m'",
        "--rate=-1 --latency-p99=1s, '--rate has value ''-1'', expected a number of requests a second'",
        "--apply, --latency-p99 is missing", "--nothing, unknown flag --nothing",
        "--apply=1 --latency-p99=1s, --apply takes no value",
        "--time --latency-p99=1s, '--time needs a value: --time=...'",
        "--rate=1 --max-throughput --latency-p99=1s, '--rate and --max-throughput are different goals, give one of them'",
        "--html=/nothing/report.html --latency-p99=1s, --html: there is no directory /nothing",
        "--shape=A --latency-p99=1s, '--shape has value ''A'', expected <input>:<n>,<n>'"})
    void wrongArgumentsAreToldBeforeAnythingIsLoaded(String flags, String text) {
        assertEquals(2, run("m", flags.split(" ", -1)));
        assertTrue(err.toString(UTF_8).startsWith("error: " + text + "\n"), err.toString(UTF_8));
    }

    @Test
    void aModelThatIsNotThereIsSaid() {
        assertEquals(2, run("n", "--latency-p99=1s"));
        assertEquals(0, run("n", "--help"));
    }

    @ParameterizedTest
    @CsvSource({"sequence_batching { }, takes sequences",
        "model_transaction_policy { decoupled: true }, answers any number"})
    void modelsWithoutOneLatencyAreRefused(String field, String text) throws IOException {
        write("m", CONFIG + field);
        assertEquals(1, run("m", "--latency-p99=1s"));
        assertTrue(err.toString(UTF_8).contains("model 'm' can't be tuned: it " + text), err.toString(UTF_8));
    }

    @Test
    void shapesAndContentComeFromTheWarmUp() throws IOException {
        Files.createDirectories(models.resolve("m/warmup"));
        Files.write(models.resolve("m/warmup/two"), new byte[]{0, 0, (byte) 128, 63, 0, 0, 0, 64});
        write("m", CONFIG.replace("dims: [ 2 ]", "dims: [ -1 ]") + """
                model_warmup [ { name: "sample" batch_size: 1 inputs { key: "IN"
                  value { data_type: TYPE_FP32 dims: [ 2 ] input_data_file: "two" } } } ]
                """);
        assertEquals(1, run("m", "--latency-p99=1ms", "--time=1s"));
        assertTrue(out.toString(UTF_8).contains("inputs: the warm-up sample 'sample'"), out.toString(UTF_8));
        write("m", CONFIG.replace("dims: [ 2 ]", "dims: [ -1 ]"));
        assertEquals(1, run("m", "--latency-p99=60ms", "--time=1s"));
        assertTrue(err.toString(UTF_8).contains("say which sizes to use with --shape IN:<size>"), err.toString(UTF_8));
    }
}

package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.ref.WeakReference;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Sequences of models that are warmed up, re-loaded, unloaded and stopped. The model adds up what it gets. */
@Timeout(120)
class SequenceLifecycleTest {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
    private static final long NEVER_IDLE = 600_000_000;
    private static final String STOPPING = "UNAVAILABLE Server is stopping, scheduler for model has stopped accepting new"
            + " inference requests";

    private final FakeBackend backend = new FakeBackend("fake").onExecute(this::addUp);
    private final List<String> rows = new CopyOnWriteArrayList<>();
    private final EngineFixture fixture;
    private final List<Engine> engines = new ArrayList<>();

    SequenceLifecycleTest(@TempDir Path directory) {
        fixture = new EngineFixture(directory, backend);
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        // Nobody ends the sequences that are left.
        engines.forEach(Engine::endLate);
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    private void addUp(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            byte value = request.input("INPUT0").orElseThrow().data().get(ValueLayout.JAVA_BYTE, 0);
            int start = request.input("START").orElseThrow().data().get(INT, 0);
            int end = request.input("END").orElseThrow().data().get(INT, 0);
            long sum = request.input("SUM_IN").orElseThrow().data().get(LONG, 0) + value;
            rows.add(value + (start == 1 ? "S" : "") + (end == 1 ? "E" : "") + "=" + sum);
            InferenceResponse response = request.newResponse();
            if (request.isOutputRequested("OUTPUT0")) {
                response.addOutput("OUTPUT0", DataType.UINT8, Shape.of(1, 4), 4).set(INT, 0, (int) sum);
            }
            response.addOutput("SUM_OUT", DataType.INT64, Shape.of(1, 1), 8).set(LONG, 0, sum);
            response.send();
        }
    }

    private static String settings(String strategy, int instances, long idleMicros) {
        return """
                instance_group [ { count: %d kind: KIND_CPU } ]
                sequence_batching {
                  %s
                  max_sequence_idle_microseconds: %d
                  control_input [ { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
                                  { name: "END" control [ { kind: CONTROL_SEQUENCE_END int32_false_true: [ 0, 1 ] } ] } ]
                  state [ { input_name: "SUM_IN" output_name: "SUM_OUT" data_type: TYPE_INT64 dims: [ 1 ] } ]
                }
                """
                .formatted(instances, strategy, idleMicros);
    }

    private Engine loaded(String strategy, int instances, long idleMicros) {
        Engine engine = fixture.model("m", settings(strategy, instances, idleMicros), 1).start();
        engines.add(engine);
        engine.load("m", LoadOverride.NONE);
        return engine;
    }

    /** Sends a value, with S for the start and E for the end of the sequence; returns version and sum, or the error. */
    private static String send(Engine engine, long id, int value, String flags) {
        return send(engine, "m", id, value, flags);
    }

    private static String send(Engine engine, String model, long id, int value, String flags) {
        MemorySegment data = MemorySegment.ofArray(new byte[]{(byte) value, 0, 0, 0});
        RequestData request = new RequestData("r", Map.of(), new CorrelationId.Numeric(id), flags.contains("S"),
                flags.contains("E"), 0, 0,
                List.of(new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{1, 4}, data)), List.of(),
                false);
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            PendingInference pending = engine.onVersion(model, OptionalLong.empty(),
                    served -> engine.begin(served, request, scope, InferenceClient.PATIENT));
            try (var result = pending.await()) {
                return "v" + pending.version().version() + " " + result.outputs().getFirst().data().get(INT, 0);
            }
        } catch (InferenceException e) {
            return e.code() + " " + e.getMessage();
        }
    }

    private static String noStart(long id) {
        return "INVALID_ARG inference request for sequence " + id
                + " to model 'm' must specify the START flag on the first"
                + " request of the sequence";
    }

    @Test
    void aReloadKeepsRunningSequencesOnTheOldVersion() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 2);
        engine.load("m", LoadOverride.NONE);

        assertEquals("v2 10", send(engine, 2, 10, "S"));
        assertEquals("v1 7", send(engine, 1, 4, ""));
        assertEquals(noStart(9), send(engine, 9, 1, ""));
        assertEquals("v1 12", send(engine, 1, 5, "E"));
        assertEquals(noStart(1), send(engine, 1, 1, ""));
        assertEquals("v2 1", send(engine, 1, 1, "S"));
        assertEquals("v2 11", send(engine, 2, 1, ""));
        EngineFixture.until("the old version is gone", () -> backend.events().contains("closeModel m 1"));
    }

    @Test
    void aSequenceThroughAnEnsembleStaysOnTheVersionThatItBeganOn() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        fixture.write("e/config.pbtxt", """
                platform: "ensemble"
                max_batch_size: 4
                input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
                ensemble_scheduling { step [ { model_name: "m" model_version: -1
                  input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "OUTPUT0" } } ] }
                """).write("e/1/empty", "");
        engine.load("e", LoadOverride.NONE);
        assertEquals("v1 3", send(engine, "e", 1, 3, "S"));
        assertEquals("v1 7", send(engine, "e", 1, 4, ""));
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 2);
        engine.load("m", LoadOverride.NONE);

        assertEquals("v1 12", send(engine, "e", 1, 5, ""));
        assertEquals("v1 1", send(engine, "e", 2, 1, "SE"));
        assertEquals("v1 13", send(engine, "e", 1, 1, "E"));
        EngineFixture.until("the old version is gone", () -> backend.events().contains("closeModel m 1"));
    }

    /** Between the switch to a version and the farewell of the one before, which is when the log tells of it. */
    @Test
    void aSequenceIsFoundWhileALaterVersionIsJustBeingReplaced() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 2);
        engine.load("m", LoadOverride.NONE);
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 3);
        List<String> answers = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord told) {
                if (told.getMessage().startsWith("successfully loaded 'm' version 3 ")) {
                    answers.add(send(engine, 1, 4, ""));
                }
            }

            @Override
            public void flush() {
            }

            @Override
            public void close() {
            }
        };
        Logger logger = Logger.getLogger(VersionSwitch.class.getName());
        logger.addHandler(handler);
        try {
            engine.load("m", LoadOverride.NONE);
        } finally {
            logger.removeHandler(handler);
        }
        assertEquals(List.of("v1 7"), answers);
    }

    @Test
    void nothingKeepsAVersionThatHasLeft() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        WeakReference<ServedVersion> old = new WeakReference<>(engine.lookup("m", OptionalLong.empty()));
        assertEquals("v1 3", send(engine, 1, 3, "SE"));
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 2);
        engine.load("m", LoadOverride.NONE);

        EngineFixture.until("the old version is collected", () -> {
            System.gc();
            return old.refersTo(null);
        });
    }

    @Test
    void theSameIdStartedAnewAfterAReloadIsTheNewVersions() {
        Engine engine = loaded("oldest { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        fixture.model("m", settings("oldest { }", 1, NEVER_IDLE), 2);
        engine.load("m", LoadOverride.NONE);

        assertEquals("v2 10", send(engine, 1, 10, "S"));
        assertEquals("v2 11", send(engine, 1, 1, "E"));
        assertEquals("v1 4", send(engine, 1, 1, "E"), "what is left is the old sequence");
    }

    @Test
    void anUnloadLetsSequencesEndAndStartsNone() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        engine.unload("m", false);

        String unloaded = "NOT_FOUND Request for unknown model: 'm' has no available versions";
        assertEquals(unloaded, send(engine, 2, 1, "S"));
        assertEquals(unloaded, send(engine, 2, 1, ""));
        assertEquals("v1 7", send(engine, 1, 4, ""));
        assertEquals("v1 8", send(engine, 1, 1, "E"));
        EngineFixture.until("the version is gone", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
        assertEquals(unloaded, send(engine, 1, 1, ""));
    }

    @Test
    void anUnloadWaitsForSequencesUpToALimit() {
        fixture.unloadTimeout(Duration.ofMillis(50));
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        engine.unload("m", false);
        EngineFixture.until("the version is gone", () -> EngineFixture.index(engine).equals(List.of(
                "m 1 UNAVAILABLE (unloaded)")));
    }

    @Test
    void aServerThatStopsStartsNoSequenceAndLetsThoseEndThatRun() {
        Engine engine = loaded("direct { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        assertTrue(engine.hasSequences());
        engine.beginStop();
        assertEquals(STOPPING, send(engine, 2, 1, "S"));
        assertEquals(STOPPING, send(engine, 1, 1, "S"), "also with an id that is in use");
        assertEquals("v1 7", send(engine, 1, 4, ""));
        CompletableFuture<Boolean> stopped = CompletableFuture
                .supplyAsync(() -> engine.stopWithin(Duration.ofSeconds(60)));
        EngineFixture.until("the models are being closed", () -> engine.readyVersions().isEmpty());
        assertEquals("v1 8", send(engine, 1, 1, "E"));
        assertTrue(stopped.join());
        assertFalse(engine.hasSequences());
    }

    @Test
    void aServerThatStopsDoesNotWaitForSequencesForEver() {
        Engine engine = loaded("oldest { }", 1, NEVER_IDLE);
        assertEquals("v1 3", send(engine, 1, 3, "S"));
        engine.beginStop();
        engine.endLate();
        assertFalse(engine.hasSequences());
        assertEquals(STOPPING, send(engine, 1, 1, ""));
        assertTrue(engine.stopWithin(Duration.ofSeconds(60)));
    }

    @Test
    void otherInstanceGroupsKeepRunningSequences() {
        Engine engine = loaded("direct { }", 3, NEVER_IDLE);
        for (int id = 1; id <= 6; id++) {
            assertEquals("v1 " + id, send(engine, id, id, "S"));
        }
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE), 1);
        engine.load("m", LoadOverride.NONE);
        for (int id = 1; id <= 6; id++) {
            assertEquals("v1 " + (id + 1), send(engine, id, 1, ""));
        }
        for (int id = 1; id <= 6; id++) {
            assertEquals("v1 " + (id + 2), send(engine, id, 1, "E"));
        }
        EngineFixture.until("one instance is left",
                () -> engine.lookup("m", OptionalLong.empty()).instances().orElseThrow()
                        .scheduler().instances().size() == 1);
        assertEquals("v1 5", send(engine, 1, 5, "SE"));
    }

    @Test
    void theRoundsOfAWarmUpSampleAreASequence() {
        fixture.model("m", settings("direct { }", 1, NEVER_IDLE) + """
                model_warmup [ { name: "w" batch_size: 2 count: 3
                  inputs { key: "INPUT0" value { data_type: TYPE_UINT8 dims: [ 4 ] zero_data: true } }
                  inputs { key: "SUM_IN" value { data_type: TYPE_INT64 dims: [ 1 ] zero_data: true } } } ]
                """, 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        assertEquals(List.of("0S=0", "0S=0", "0=0", "0=0", "0E=0", "0E=0"), rows);
        assertEquals(0, engine.buffers().inUseBytes());
        assertEquals("v1 5", send(engine, 1, 5, "SE"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"direct { }", "oldest { max_candidate_sequences: 7 }"})
    void manyClientsGetTheirOwnSumsWhateverIsReloaded(String strategy) throws Exception {
        long seed = System.nanoTime();
        Engine engine = loaded(strategy, 2, 100_000_000);
        AtomicLong ids = new AtomicLong();
        AtomicInteger over = new AtomicInteger();
        int clients = 12;
        try (ExecutorService threads = Executors.newFixedThreadPool(clients)) {
            List<Future<Void>> results = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                Random random = new Random(seed + i);
                Callable<Void> client = () -> {
                    for (int j = 0; j < 60; j++) {
                        sequence(engine, ids.incrementAndGet(), random);
                    }
                    over.incrementAndGet();
                    return null;
                };
                results.add(threads.submit(client));
            }
            for (int version = 2; over.get() < clients && version < 30; version++) {
                fixture.model("m", settings(strategy, 1 + version % 3, 100_000_000), version % 2 == 0 ? version : 1);
                engine.load("m", LoadOverride.NONE);
            }
            for (Future<Void> result : results) {
                Void ignored = result.get(60, TimeUnit.SECONDS);
            }
        } catch (Exception | AssertionError e) {
            throw new AssertionError("with seed " + seed, e);
        }
    }

    private static void sequence(Engine engine, long id, Random random) {
        int length = 1 + random.nextInt(8);
        int sum = 0;
        String version = "";
        for (int i = 0; i < length; i++) {
            int value = random.nextInt(100);
            sum += value;
            String answer = send(engine, id, value, (i == 0 ? "S" : "") + (i == length - 1 ? "E" : ""));
            version = i == 0 ? answer.substring(0, answer.indexOf(' ')) : version;
            assertEquals(version + " " + sum, answer);
        }
    }
}

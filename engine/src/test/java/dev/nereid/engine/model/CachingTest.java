package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.cache.CacheContext;
import dev.nereid.backend.api.cache.CacheFactory;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.EngineOptions.CacheOptions;
import dev.nereid.engine.Response;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The response cache before fake models. */
@Timeout(60)
class CachingTest {
    private static final String CACHED = EngineFixture.GROUP_OF_ONE + " response_cache { enable: true }";

    @TempDir
    private Path directory;

    private @Nullable EngineFixture opened;

    private EngineFixture fixture(FakeBackend backend, CacheOptions options) {
        EngineFixture fixture = new EngineFixture(directory, backend).cache(options);
        opened = fixture;
        return fixture;
    }

    @AfterEach
    void close() {
        if (opened != null) {
            opened.close();
        }
    }

    private static byte[] infer(Engine engine, String model, Map<String, Parameter> parameters, int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        InputData input = new InputData("INPUT0", Optional.of(DataType.UINT8), new long[]{bytes.length / 4, 4},
                MemorySegment.ofArray(bytes));
        RequestData data = new RequestData("", parameters, CorrelationId.NONE, false, false, 0, 0, List.of(input),
                List.of(), false);
        try (BufferScope scope = new BufferScope(engine.buffers());
                Response response = engine.onVersion(model, OptionalLong.empty(),
                        served -> engine.infer(served, data, scope, InferenceClient.PATIENT))) {
            return response.outputs().getFirst().data().toArray(ValueLayout.JAVA_BYTE);
        }
    }

    private static ModelStatistics statistics(Engine engine, String model) {
        return engine.lookup(model, OptionalLong.empty()).statistics();
    }

    @Test
    void anEqualRequestIsAnsweredWithoutAnExecution() {
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);

        byte[] first = infer(engine, "m", Map.of(), 1, 2, 3, 4);
        byte[] second = infer(engine, "m", Map.of(), 1, 2, 3, 4);

        assertArrayEquals(first, second);
        ModelStatistics statistics = statistics(engine, "m");
        assertEquals(1, statistics.executionCount());
        assertEquals(1, statistics.inferenceCount());
        assertEquals(2, statistics.success().count());
        assertEquals(1, statistics.cacheHit().count());
        assertEquals(1, statistics.cacheMiss().count());
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @Test
    void otherContentsShapesAndParametersAreOtherRequests() {
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);

        byte[] ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);
        ignored = infer(engine, "m", Map.of(), 1, 2, 3, 5);
        ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4, 1, 2, 3, 4);
        ignored = infer(engine, "m", Map.of("a", Parameter.of(1)), 1, 2, 3, 4);
        ignored = infer(engine, "m", Map.of("a", Parameter.of("1")), 1, 2, 3, 4);

        assertEquals(5, statistics(engine, "m").executionCount());
    }

    @Test
    void nothingOldIsFoundAfterAReload() {
        EngineFixture fixture = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("m", CACHED,
                1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        byte[] ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);
        fixture.write("m/1/model.bin", "another");
        engine.load("m", LoadOverride.NONE);

        ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);

        assertEquals(1, statistics(engine, "m").executionCount());
    }

    @Test
    void failuresAreNotKept() {
        AtomicInteger calls = new AtomicInteger();
        FakeBackend backend = new FakeBackend("fake").onExecute(batch -> {
            if (calls.incrementAndGet() == 1) {
                throw InferenceException.invalid("not today");
            }
            FakeBackend.echo(batch);
        });
        Engine engine = fixture(backend, CacheOptions.local(1 << 20)).model("m", CACHED, 1).start();
        engine.load("m", LoadOverride.NONE);

        assertThrows(InferenceException.class, () -> infer(engine, "m", Map.of(), 1, 2, 3, 4));

        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
    }

    @Test
    void theOldestEntryMakesRoomAndTooLargeOnesAreLeftOut() {
        // An entry with four bytes counts for a buffer of 1 KiB and 512 bytes of objects.
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.local(4000)).model("m", CACHED, 1).start();
        engine.load("m", LoadOverride.NONE);

        byte[] ignored = infer(engine, "m", Map.of(), 1, 1, 1, 1);
        ignored = infer(engine, "m", Map.of(), 2, 2, 2, 2);
        ignored = infer(engine, "m", Map.of(), 1, 1, 1, 1);
        ignored = infer(engine, "m", Map.of(), 3, 3, 3, 3);
        ignored = infer(engine, "m", Map.of(), 1, 1, 1, 1);
        ignored = infer(engine, "m", Map.of(), 2, 2, 2, 2);

        assertEquals(4, statistics(engine, "m").executionCount());
        assertEquals(2, engine.cacheStatistics().orElseThrow().evictions());
        assertEquals(2, engine.cacheStatistics().orElseThrow().entries());
        assertEquals(0, engine.cacheStatistics().orElseThrow().tooLarge());
    }

    @Test
    void anEntryLargerThanTheCacheIsLeftOutAndCounted() {
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.local(1500)).model("m", CACHED, 1).start();
        engine.load("m", LoadOverride.NONE);

        byte[] ignored = infer(engine, "m", Map.of(), 1, 1, 1, 1);
        ignored = infer(engine, "m", Map.of(), 1, 1, 1, 1);

        assertEquals(2, statistics(engine, "m").executionCount());
        assertEquals(2, engine.cacheStatistics().orElseThrow().tooLarge());
    }

    @Test
    void modelsThatDoNotEnableItAreNotCached() {
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("m", 1).start();
        engine.load("m", LoadOverride.NONE);

        byte[] ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);
        ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);

        assertEquals(2, statistics(engine, "m").executionCount());
    }

    @Test
    void withSingleFlightEqualRequestsAtOnceAreExecutedOnce() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        FakeBackend backend = new FakeBackend("fake").onExecute(batch -> {
            EngineFixture.await(goOn);
            FakeBackend.echo(batch);
        });
        Engine engine = fixture(backend, CacheOptions.local(1 << 20).withSingleFlight(true)).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        List<Future<byte[]>> answers = new ArrayList<>();
        try (var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 64; i++) {
                answers.add(clients.submit(() -> infer(engine, "m", Map.of(), 1, 2, 3, 4)));
            }
            EngineFixture.until("all but one wait or come",
                    () -> engine.cacheStatistics().orElseThrow().lookups() == 64);
            goOn.countDown();
            for (Future<byte[]> answer : answers) {
                assertArrayEquals(new byte[]{1, 2, 3, 4}, answer.get());
            }
        }

        assertEquals(1, statistics(engine, "m").executionCount());
        assertEquals(64, statistics(engine, "m").success().count());
    }

    @Test
    void withSingleFlightARequestIsNotExecutedWhereAnEqualOneIsAnsweredWhileItLooks() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch isHeld = new CountDownLatch(1);
        FakeBackend backend = new FakeBackend("fake").onExecute(batch -> {
            isHeld.countDown();
            EngineFixture.await(goOn);
            FakeBackend.echo(batch);
        });
        SharedCache shared = new SharedCache();
        Engine engine = fixture(backend, CacheOptions.of(shared, Map.of()).withSingleFlight(true)).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        try (var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            Future<byte[]> first = clients.submit(() -> infer(engine, "m", Map.of(), 1, 2, 3, 4));
            EngineFixture.await(isHeld);
            shared.afterMiss = () -> {
                shared.afterMiss = () -> {
                };
                goOn.countDown();
                try {
                    assertArrayEquals(new byte[]{1, 2, 3, 4}, first.get());
                } catch (InterruptedException | ExecutionException e) {
                    throw new IllegalStateException(e);
                }
            };

            assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        }

        ModelStatistics statistics = statistics(engine, "m");
        assertEquals(1, statistics.executionCount());
        assertEquals(1, statistics.cacheHit().count());
        assertEquals(2, statistics.success().count());
        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @Test
    void withSingleFlightAFailureIsOfOneRequestOnly() throws Exception {
        CountDownLatch goOn = new CountDownLatch(1);
        AtomicInteger calls = new AtomicInteger();
        FakeBackend backend = new FakeBackend("fake").onExecute(batch -> {
            EngineFixture.await(goOn);
            if (calls.incrementAndGet() == 1) {
                throw InferenceException.invalid("not today");
            }
            FakeBackend.echo(batch);
        });
        Engine engine = fixture(backend, CacheOptions.local(1 << 20).withSingleFlight(true)).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        AtomicInteger failures = new AtomicInteger();
        try (var clients = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 4; i++) {
                clients.execute(() -> {
                    try {
                        byte[] ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);
                    } catch (InferenceException e) {
                        failures.incrementAndGet();
                    }
                });
            }
            EngineFixture.until("all have come", () -> engine.cacheStatistics().orElseThrow().lookups() == 4);
            goOn.countDown();
        }

        assertEquals(1, failures.get());
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @Test
    void aHitOfAnEnsembleRunsNoStep() {
        EngineFixture fixture = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("a", 1);
        fixture.write("e/config.pbtxt",
                """
                        platform: "ensemble" max_batch_size: 4 response_cache { enable: true }
                        input { name: "INPUT0" data_type: TYPE_UINT8 dims: 4 } output { name: "X" data_type: TYPE_UINT8 dims: 4 }
                        ensemble_scheduling { step { model_name: "a" model_version: -1
                          input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "X" } } }
                        """)
                .write("e/1/empty", "");
        Engine engine = fixture.start();
        engine.load("e", LoadOverride.NONE);

        byte[] ignored = infer(engine, "e", Map.of(), 1, 2, 3, 4);

        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "e", Map.of(), 1, 2, 3, 4));
        assertEquals(1, statistics(engine, "a").executionCount());
        assertEquals(1, statistics(engine, "e").cacheHit().count());
        assertEquals(1, statistics(engine, "e").inferenceCount());
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @Test
    void aSharedCacheKnowsAModelByItsContents() {
        SharedCache shared = new SharedCache();
        EngineFixture fixture = fixture(new FakeBackend("fake"), CacheOptions.of(shared, Map.of("key", "value")))
                .model("m", CACHED, 1);
        Engine engine = fixture.start();
        engine.load("m", LoadOverride.NONE);
        byte[] ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);

        engine.unload("m", false);
        engine.load("m", LoadOverride.NONE);
        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        assertEquals(0, statistics(engine, "m").executionCount(), "it is the same model");

        fixture.write("m/1/model.bin", "another");
        engine.load("m", LoadOverride.NONE);
        ignored = infer(engine, "m", Map.of(), 1, 2, 3, 4);

        assertEquals(1, statistics(engine, "m").executionCount(), "it is another model");
        assertEquals(Map.of("key", "value"), shared.settings);
        assertEquals(0, engine.buffers().inUseBytes());
    }

    @Test
    void aCacheThatFailsFailsNoRequest() {
        SharedCache shared = new SharedCache();
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.of(shared, Map.of())).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        shared.isBroken = true;

        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        assertEquals(2, statistics(engine, "m").executionCount());
    }

    @Test
    void anEntryThatCanNotBeReadIsGivenBackAndTheRequestExecuted() {
        SharedCache shared = new SharedCache();
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.of(shared, Map.of())).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        shared.isUnreadable = true;

        assertArrayEquals(new byte[]{1, 2, 3, 4}, infer(engine, "m", Map.of(), 1, 2, 3, 4));
        assertEquals(1, statistics(engine, "m").executionCount());
        assertEquals(1, shared.releases.get());
    }

    @Test
    void aModelThatIsUnloadedWaitsForThoseThatAreLookedFor() throws Exception {
        SharedCache shared = new SharedCache();
        Engine engine = fixture(new FakeBackend("fake"), CacheOptions.of(shared, Map.of())).model("m", CACHED, 1)
                .start();
        engine.load("m", LoadOverride.NONE);
        CountDownLatch goOn = new CountDownLatch(1);
        CountDownLatch isAsked = new CountDownLatch(1);
        shared.onGet = () -> {
            isAsked.countDown();
            EngineFixture.await(goOn);
        };
        try (var clients = Executors.newThreadPerTaskExecutor(Thread.ofPlatform().factory())) {
            Future<byte[]> answer = clients.submit(() -> infer(engine, "m", Map.of(), 1, 2, 3, 4));
            EngineFixture.await(isAsked);
            Future<?> unload = clients.submit(() -> engine.unload("m", false));
            EngineFixture.until("the model is no longer ready",
                    () -> engine.readyVersions("m").isEmpty());
            goOn.countDown();

            assertArrayEquals(new byte[]{1, 2, 3, 4}, answer.get());
            assertNull(unload.get());
        }
    }

    @Test
    void anEnsembleHasNoOldAnswersOfAModelThatWasLoadedAnew() {
        EngineFixture fixture = fixture(new FakeBackend("fake"), CacheOptions.local(1 << 20)).model("a", 1);
        fixture.write("e/config.pbtxt",
                """
                        platform: "ensemble" max_batch_size: 4 response_cache { enable: true }
                        input { name: "INPUT0" data_type: TYPE_UINT8 dims: 4 } output { name: "X" data_type: TYPE_UINT8 dims: 4 }
                        ensemble_scheduling { step { model_name: "a" model_version: -1
                          input_map { key: "INPUT0" value: "INPUT0" } output_map { key: "OUTPUT0" value: "X" } } }
                        """)
                .write("e/1/empty", "");
        Engine engine = fixture.start();
        engine.load("e", LoadOverride.NONE);
        byte[] ignored = infer(engine, "e", Map.of(), 1, 2, 3, 4);
        fixture.write("a/1/model.bin", "another");
        engine.load("a", LoadOverride.NONE);

        ignored = infer(engine, "e", Map.of(), 1, 2, 3, 4);

        assertEquals(1, statistics(engine, "a").executionCount());
    }

    /** A cache as a plugin offers it, in this process. */
    private static final class SharedCache implements CacheFactory, ResponseCache {
        private final Map<CacheKey, List<Tensor>> entries = new ConcurrentHashMap<>();
        private Map<String, String> settings = Map.of();
        private final AtomicInteger releases = new AtomicInteger();
        private volatile boolean isBroken;
        private volatile boolean isUnreadable;
        private volatile Runnable onGet = () -> {
        };
        private volatile Runnable afterMiss = () -> {
        };

        @Override
        public String name() {
            return "shared";
        }

        @Override
        public ApiVersion builtFor() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }

        @Override
        public ResponseCache create(CacheContext context) {
            settings = context.settings();
            return this;
        }

        @Override
        public boolean isShared() {
            return true;
        }

        @Override
        public Optional<Entry> get(CacheKey key) {
            onGet.run();
            if (isBroken) {
                throw new IllegalStateException("broken");
            }
            if (isUnreadable) {
                return Optional.of(unreadable());
            }
            List<Tensor> found = entries.get(key);
            if (found == null) {
                afterMiss.run();
            }
            return Optional.ofNullable(found).map(OnHeap::new);
        }

        private Entry unreadable() {
            return new Entry() {
                @Override
                public List<Tensor> outputs() {
                    throw new IllegalStateException("unreadable");
                }

                @Override
                public void retain() {
                    throw new IllegalStateException("nobody could read it");
                }

                @Override
                public void release() {
                    releases.incrementAndGet();
                }
            };
        }

        @Override
        public boolean put(CacheKey key, List<Tensor> outputs) {
            if (isBroken) {
                throw new IllegalStateException("broken");
            }
            entries.put(key, outputs.stream().map(output -> new Tensor(output.name(), output.dataType(), output.shape(),
                    MemorySegment.ofArray(output.data().toArray(ValueLayout.JAVA_BYTE)))).toList());
            return true;
        }

        @Override
        public void close() {
            entries.clear();
        }
    }

    private record OnHeap(List<Tensor> outputs) implements ResponseCache.Entry {
        @Override
        public void retain() {
            // The garbage collector sees to it.
        }

        @Override
        public void release() {
            // The garbage collector sees to it.
        }
    }
}

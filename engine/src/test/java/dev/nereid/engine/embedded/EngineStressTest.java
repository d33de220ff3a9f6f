package dev.nereid.engine.embedded;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
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
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Requests for any number of answers, at once or later, many of them cancelled, while their models are loaded anew,
 * unloaded and loaded: each is refused, or ends exactly once with all its answers in order, and nothing is left.
 */
@Timeout(120)
class EngineStressTest {
    private static final long SEED = 20_261_130;
    private static final int CLIENTS = 6;
    private static final int REQUESTS = 1_500;
    /** What the first byte of an input asks for beside the number of answers. */
    private static final int LATER = 0x80;
    private static final int MAX_ANSWERS = 40;

    @TempDir
    private Path repository;
    private final Queue<String> violations = new ConcurrentLinkedQueue<>();
    private final AtomicInteger openModels = new AtomicInteger();

    /** Answers as often as the input says, in {@code execute} or on another thread after it. */
    private final class CountingFactory implements BackendFactory {
        private final ExecutorService later;

        CountingFactory(ExecutorService later) {
            this.later = later;
        }

        @Override
        public String name() {
            return "counting";
        }

        @Override
        public ApiVersion builtFor() {
            return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
        }

        @Override
        public Backend create(BackendContext context) {
            return new Backend() {
                @Override
                public BackendAttributes attributes() {
                    return BackendAttributes.DEFAULT.withThreadConfinement(ThreadConfinement.ANY_THREAD);
                }

                @Override
                public Model createModel(ModelContext model) {
                    return open(model);
                }
            };
        }

        private Model open(ModelContext model) {
            openModels.incrementAndGet();
            AtomicBoolean isClosed = new AtomicBoolean();
            boolean isDecoupled = model.config().isDecoupled();
            return new Model() {
                @Override
                public ModelInstance createInstance(InstanceContext instance) {
                    return batch -> execute(batch, isDecoupled, isClosed);
                }

                @Override
                public void close() {
                    isClosed.set(true);
                    openModels.decrementAndGet();
                }
            };
        }

        private void execute(Batch batch, boolean isDecoupled, AtomicBoolean isClosed) {
            for (InferenceRequest request : batch.requests()) {
                if ((first(request) & LATER) == 0) {
                    answer(request, isDecoupled, isClosed);
                } else {
                    request.answerLater();
                    later.execute(() -> answer(request, isDecoupled, isClosed));
                }
            }
        }
    }

    private static byte first(InferenceRequest request) {
        return request.input("INPUT0").orElseThrow().data().get(ValueLayout.JAVA_BYTE, 0);
    }

    private void answer(InferenceRequest request, boolean isDecoupled, AtomicBoolean isClosed) {
        if (isClosed.get()) {
            violations.add("a request was executed by a model that is closed");
        }
        int count = first(request) & ~LATER & 0xff;
        if (!isDecoupled) {
            response(request, count).send();
            return;
        }
        for (int i = 0; i < count && !request.isCancelled(); i++) {
            response(request, i).sendPartial();
        }
        if (request.isCancelled()) {
            request.fail(new InferenceException(StatusCode.CANCELLED, "nobody waits"));
        } else {
            request.complete();
        }
    }

    private static InferenceResponse response(InferenceRequest request, int value) {
        InferenceResponse response = request.newResponse();
        response.copyOutput("OUTPUT0", DataType.UINT8, Shape.of(1), MemorySegment.ofArray(new byte[]{(byte) value}));
        return response;
    }

    /** Checks what a request gets. */
    private final class Checked implements ResponseListener {
        private final boolean isDecoupled;
        private final int asked;
        private final CountDownLatch over = new CountDownLatch(1);
        private int got;
        private volatile @Nullable StatusCode failure;

        Checked(boolean isDecoupled, int asked) {
            this.isDecoupled = isDecoupled;
            this.asked = asked;
        }

        @Override
        public void response(Response response, boolean isLast) {
            Tensor output = response.output("OUTPUT0").orElseThrow();
            int value = output.data().get(ValueLayout.JAVA_BYTE, 0);
            int expected = isDecoupled ? got : asked;
            response.close();
            if (over.getCount() == 0) {
                violations.add("a response after the end");
            }
            if (value != expected) {
                violations.add("answer " + got + " of " + asked + " is " + value);
            }
            got++;
        }

        @Override
        public void end(@Nullable InferenceException error) {
            if (over.getCount() == 0) {
                violations.add("two ends");
            }
            if (error == null && got != (isDecoupled ? asked : 1)) {
                violations.add(got + " answers instead of " + asked);
            }
            failure = error == null ? null : error.code();
            over.countDown();
        }
    }

    @Test
    void everyRequestEndsOnceWhileItsModelComesAndGoes() throws Exception {
        for (String name : List.of("one", "many")) {
            Files.createDirectories(repository.resolve(name).resolve("1"));
            Files.writeString(repository.resolve(name).resolve("config.pbtxt"), """
                    backend: "counting"
                    max_batch_size: 4
                    dynamic_batching { }
                    input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
                    output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 1 ] } ]
                    instance_group [ { count: 2 kind: KIND_CPU } ]
                    """.replace("max_batch_size: 4\ndynamic_batching { }\n", name.equals("many")
                    ? "model_transaction_policy { decoupled: true }\n"
                    : "max_batch_size: 4\ndynamic_batching { }\n"));
        }
        Map<StatusCode, AtomicInteger> outcomes = new EnumMap<>(StatusCode.class);
        for (StatusCode code : StatusCode.values()) {
            outcomes.put(code, new AtomicInteger());
        }
        AtomicInteger succeeded = new AtomicInteger();
        try (ExecutorService later = Executors.newFixedThreadPool(2);
                ExecutorService clients = Executors.newFixedThreadPool(CLIENTS + 1)) {
            EngineOptions options = EngineOptions.DEFAULT.withRepository(repository)
                    .withBackends(BackendSource.of(new CountingFactory(later)))
                    .with(LoadOptions.DEFAULT.withMode(ControlMode.EXPLICIT).withStartupModels(List.of("one", "many")));
            try (InferenceEngine engine = InferenceEngine.create(options)) {
                assertEquals(Map.of(), engine.start());
                AtomicBoolean isOver = new AtomicBoolean();
                Future<Integer> changes = clients.submit(() -> change(engine, isOver));
                List<Future<?>> running = new ArrayList<>();
                for (int client = 0; client < CLIENTS; client++) {
                    Random random = new Random(SEED + client);
                    running.add(clients.submit(() -> send(engine, random, outcomes, succeeded)));
                }
                for (Future<?> each : running) {
                    each.get(100, TimeUnit.SECONDS);
                }
                isOver.set(true);
                assertTrue(changes.get(30, TimeUnit.SECONDS) > 2, "models came and went");
                assertTrue(engine.closeWithin(Duration.ofSeconds(30)), "all has ended");
            }
        }

        assertEquals("", String.join("\n", violations));
        assertEquals(0, openModels.get(), "every model was closed");
        assertTrue(succeeded.get() > 0, "some succeed");
        assertTrue(count(outcomes, StatusCode.CANCELLED).get() > 0, "some are cancelled");
        Set<StatusCode> possible = Set.of(StatusCode.CANCELLED, StatusCode.UNAVAILABLE, StatusCode.NOT_FOUND);
        outcomes.forEach((code, count) -> assertTrue(possible.contains(code) || count.get() == 0,
                () -> count + " requests failed with " + code));
    }

    private Integer change(InferenceEngine engine, AtomicBoolean isOver) throws IOException {
        Random random = new Random(SEED);
        int changes = 0;
        while (!isOver.get()) {
            String model = random.nextBoolean() ? "one" : "many";
            if (random.nextInt(3) == 0) {
                engine.unload(model);
            } else {
                Files.writeString(repository.resolve(model).resolve("1").resolve("changed"), "" + changes);
            }
            engine.load(model);
            changes++;
        }
        return changes;
    }

    private void send(InferenceEngine engine, Random random, Map<StatusCode, AtomicInteger> outcomes,
            AtomicInteger succeeded) {
        for (int i = 0; i < REQUESTS; i++) {
            boolean isDecoupled = random.nextBoolean();
            int count = random.nextInt(MAX_ANSWERS);
            int later = random.nextBoolean() ? LATER : 0;
            Checked checked = new Checked(isDecoupled, count);
            try {
                Ticket ticket = engine.submit(Inference.of(isDecoupled ? "many" : "one").input("INPUT0", DataType.UINT8,
                        isDecoupled ? Shape.of(1) : Shape.of(1, 1),
                        MemorySegment.ofArray(new byte[]{(byte) (count | later)})), checked);
                if (random.nextInt(3) == 0) {
                    ticket.cancel();
                }
                if (!checked.over.await(60, TimeUnit.SECONDS)) {
                    violations.add("no end");
                    return;
                }
            } catch (InferenceException e) {
                count(outcomes, e.code()).incrementAndGet();
                continue;
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            StatusCode failure = checked.failure;
            if (failure == null) {
                succeeded.incrementAndGet();
            } else {
                count(outcomes, failure).incrementAndGet();
            }
        }
    }

    private static AtomicInteger count(Map<StatusCode, AtomicInteger> outcomes, StatusCode code) {
        return Objects.requireNonNull(outcomes.get(code));
    }
}

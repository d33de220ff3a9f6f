package dev.nereid.engine.schedule;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.Control;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.State;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.OutputShapes;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.schedule.sequence.SequenceBatcher;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.config.InitialStates;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** A scheduler of sequences with hand-driven time, whose model adds up what it gets in a state that the server keeps. */
final class SequenceFixture implements AutoCloseable {
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final long IDLE_MICROS = 1000;

    final ManualTime time = new ManualTime();
    final BufferPool pool = new BufferPool(64 << 20, 1 << 20);
    final ModelStatistics statistics = new ModelStatistics();
    final QueueScheduler scheduler;
    private final ModelIo io = new ModelIo(false, OutputShapes.AS_PRODUCED, new ModelStatistics(), 1 << 20);

    SequenceFixture(Strategy strategy, int maxBatchSize) {
        this(strategy, maxBatchSize, false);
    }

    /** Creates a scheduler; {@code isIterative} tells whether requests may be executed again. */
    SequenceFixture(Strategy strategy, int maxBatchSize, boolean isIterative) {
        boolean keepsOrder = strategy instanceof Strategy.Oldest oldest && oldest.preserveOrdering();
        scheduler = new QueueScheduler("m", maxBatchSize,
                new SequenceQueue(batcher(strategy, maxBatchSize, isIterative)), statistics, time, time,
                time, keepsOrder, null);
    }

    /** Returns what the scheduler asks, without one. */
    static SequenceBatcher batcher(Strategy strategy, int maxBatchSize, boolean isIterative) {
        List<ControlInput> controls = List.of(control("START", ControlKind.START, DataType.INT32),
                control("END", ControlKind.END, DataType.FP32), control("READY", ControlKind.READY, DataType.BOOL),
                control("ID", ControlKind.CORRELATION_ID, DataType.INT64));
        SequenceBatching batching = new SequenceBatching(strategy, IDLE_MICROS, controls, List.of(new State("SUM_IN",
                "SUM_OUT", Optional.of(DataType.INT64), Dims.of(1), List.of(), false, false)), isIterative);
        ModelConfig config = ModelConfig.builder("m").maxBatchSize(maxBatchSize).scheduling(batching).build();
        List<InitialStates.Start> starts = List.of(new InitialStates.Start("SUM_IN", "SUM_OUT", DataType.INT64,
                Shape.of(1), MemorySegment.ofArray(new byte[8]), false));
        return new SequenceBatcher(config, batching, starts, BatchRule.of(config)::mayJoin, 1_000_000);
    }

    private static ControlInput control(String name, ControlKind kind, DataType type) {
        return new ControlInput(name, List.of(new Control(kind, type, 0, 1)));
    }

    static Strategy direct() {
        return new Strategy.DirectSlots(0, 0);
    }

    static Strategy oldest(int candidates) {
        return new Strategy.Oldest(candidates, List.of(), 0, false);
    }

    Instance add(String name, ModelInstance model) {
        Instance instance = Instance.create(name, ThreadConfinement.OWN_THREAD, SequenceFixture.class.getClassLoader(),
                () -> model);
        scheduler.add(instance);
        return instance;
    }

    /** A request and what came of it. */
    final class Sent implements ResponseListener {
        private final CountDownLatch done = new CountDownLatch(1);
        final ActiveRequest request;
        private volatile long sum;
        private volatile @Nullable InferenceException error;

        Sent(CorrelationId id, long value, boolean start, boolean end, long timeoutMicros, int rows) {
            MemorySegment data = MemorySegment.ofArray(new byte[8 * rows]);
            data.set(LONG, 0, value);
            RequestData sent = new RequestData("r" + value, Map.of(), id, start, end, 0, timeoutMicros, List.of(),
                    List.of(), false);
            request = new ActiveRequest(new ActiveRequest.Content(sent,
                    List.of(new Tensor("X", DataType.INT64, Shape.of(rows, 1), data.asReadOnly())), rows, Set.of("Y")),
                    io, pool, this, time.getAsLong());
        }

        @Override
        public void response(Response response, boolean isLast) {
            sum = response.outputs().getFirst().data().get(LONG, 0);
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException failure) {
            error = failure;
            done.countDown();
        }

        boolean isDone() {
            return done.getCount() == 0;
        }

        /** Waits for the answer and returns it, or the text of the error. */
        String answer() {
            Waiting.on(done);
            InferenceException failure = error;
            return failure == null ? Long.toString(sum) : failure.code() + " " + failure.getMessage();
        }
    }

    Sent send(long id, long value, String flags) {
        return send(new CorrelationId.Numeric(id), value, flags);
    }

    Sent send(CorrelationId id, long value, String flags) {
        return send(id, value, flags, 0);
    }

    Sent send(CorrelationId id, long value, String flags, long timeoutMicros) {
        Sent sent = new Sent(id, value, flags.contains("S"), flags.contains("E"), timeoutMicros, 1);
        scheduler.submit(sent.request);
        return sent;
    }

    /** What a row of an execution was: {@code .} for a gap, else the value with the flags that the model was told. */
    static String row(InferenceRequest request) {
        if (request.input("READY").orElseThrow().data().get(ValueLayout.JAVA_BYTE, 0) == 0) {
            return ".";
        }
        return request.input("X").orElseThrow().data().get(LONG, 0)
                + (request.input("START").orElseThrow().data().get(INT, 0) == 1 ? "S" : "")
                + (request.input("END").orElseThrow().data().get(ValueLayout.JAVA_FLOAT_UNALIGNED, 0) == 1 ? "E" : "");
    }

    /** The model: adds the input to the state, and answers the new state. */
    static void addUp(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            long sum = request.input("SUM_IN").orElseThrow().data().get(LONG, 0)
                    + request.input("X").orElseThrow().data().get(LONG, 0);
            InferenceResponse response = request.newResponse();
            if (request.isOutputRequested("Y")) {
                response.addOutput("Y", DataType.INT64, Shape.of(1, 1), 8).set(LONG, 0, sum);
            }
            if (request.isOutputRequested("SUM_OUT")) {
                response.addOutput("SUM_OUT", DataType.INT64, Shape.of(1, 1), 8).set(LONG, 0, sum);
            }
            response.send();
        }
    }

    /** Notes the rows of each execution and adds up, when the test lets it. */
    static final class Recorder implements ModelInstance {
        private final List<List<String>> batches = new ArrayList<>();
        private final SchedulerFixture.Gated gate = new SchedulerFixture.Gated(SequenceFixture::addUp);
        private final boolean isGated;

        Recorder(boolean isGated) {
            this.isGated = isGated;
        }

        @Override
        public void execute(Batch batch) {
            synchronized (batches) {
                batches.add(batch.requests().stream().map(SequenceFixture::row).toList());
            }
            if (isGated) {
                gate.execute(batch);
            } else {
                addUp(batch);
            }
        }

        List<List<String>> batches() {
            synchronized (batches) {
                return List.copyOf(batches);
            }
        }

        /** Waits for the next execution to begin. */
        void awaitStart() {
            List<String> ignored = gate.next();
        }

        void let(int executions) {
            gate.let(executions);
        }
    }

    @Override
    public void close() {
        // What nobody ends is idle at last.
        Thread stop = Thread.ofPlatform().start(() -> scheduler.stopInstances().forEach(Instance::close));
        while (stop.isAlive()) {
            time.advanceMicros(IDLE_MICROS + 1);
            try {
                stop.join(1);
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        }
        pool.close();
    }
}

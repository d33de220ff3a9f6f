package dev.nereid.benchmark;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.schedule.InstanceScheduler;
import dev.nereid.engine.schedule.SchedulerFactory;
import dev.nereid.engine.schedule.TimerWakeups;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.foreign.Arena;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/** A model that does nothing, behind a scheduler. Any thread executes; one closes it, when none does. */
public final class EmptyModel implements AutoCloseable {
    private final TimerWakeups wakeups = new TimerWakeups(System::nanoTime);
    private final BufferPool pool = new BufferPool(1 << 20, 1 << 20);
    private final Arena arena = Arena.ofShared();
    private final LongAdder executions = new LongAdder();
    private final LongAdder rows = new LongAdder();
    private final InstanceScheduler scheduler;
    private final ActiveRequest.Content content;
    private final ModelIo io = new ModelIo(false, outputs -> outputs, new ModelStatistics(), Long.MAX_VALUE);

    private EmptyModel(Scheduling scheduling, ThreadConfinement confinement, int maxBatchSize, int instances,
            long nanos) {
        ModelConfig config = ModelConfig.builder("empty").maxBatchSize(maxBatchSize).scheduling(scheduling).build();
        ClassLoader loader = EmptyModel.class.getClassLoader();
        SchedulerFactory schedulers = new SchedulerFactory(System::nanoTime, InstantSource.system(), wakeups, 4096,
                Optional.empty(), 0, 0);
        scheduler = schedulers.scheduler(config, new ModelStatistics(), Optional.empty(), loader);
        for (int i = 0; i < instances; i++) {
            scheduler.add(Instance.create("empty_" + i, confinement, loader,
                    () -> batch -> {
                        executions.increment();
                        rows.add(batch.rows());
                        if (nanos > 0) {
                            LockSupport.parkNanos(nanos);
                        }
                        batch.requests().forEach(EmptyModel::answer);
                    }));
        }
        content = new ActiveRequest.Content(
                new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(), List.of(), false),
                List.of(new Tensor("INPUT0", DataType.FP32, Shape.of(1, 1), arena.allocate(4))), 1, Set.of());
    }

    /** Loads the model with one instance. */
    public static EmptyModel create(Scheduling scheduling, ThreadConfinement confinement, int maxBatchSize) {
        return create(scheduling, confinement, maxBatchSize, 1, 0);
    }

    /**
     * Loads the model.
     *
     * @param nanos how long an execution waits, as for a device
     */
    public static EmptyModel create(Scheduling scheduling, ThreadConfinement confinement, int maxBatchSize,
            int instances,
            long nanos) {
        return new EmptyModel(scheduling, confinement, maxBatchSize, instances, nanos);
    }

    private static void answer(InferenceRequest request) {
        request.newResponse().send();
    }

    /**
     * Executes a request and waits for its answer.
     *
     * @param startNanos when it began
     */
    public void execute(long startNanos) {
        execute(content, startNanos);
    }

    /**
     * Executes a request of a sequence and waits for its answer.
     *
     * @param sequence not 0
     * @param startNanos when it began
     */
    public void execute(long sequence, boolean isStart, boolean isEnd, long startNanos) {
        RequestData data = new RequestData("", Map.of(), new CorrelationId.Numeric(sequence), isStart, isEnd, 0, 0,
                List.of(),
                List.of(), false);
        execute(new ActiveRequest.Content(data, content.inputs(), 1, Set.of()), startNanos);
    }

    private void execute(ActiveRequest.Content request, long startNanos) {
        SingleResponse answer = new SingleResponse();
        scheduler.submit(new ActiveRequest(request, io, pool, answer, startNanos));
        answer.await();
        answer.get().close();
    }

    /** Returns how many batches were executed. */
    public long executions() {
        return executions.sum();
    }

    /** Returns how many rows these had, gaps included. */
    public long rows() {
        return rows.sum();
    }

    @Override
    public void close() {
        scheduler.stopInstances().forEach(Instance::close);
        arena.close();
        pool.close();
        wakeups.close();
    }
}

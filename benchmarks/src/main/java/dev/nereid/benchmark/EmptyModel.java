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

/** A model that does nothing, with one instance behind a scheduler. Any thread executes; one closes it, when none does. */
public final class EmptyModel implements AutoCloseable {
    private final TimerWakeups wakeups = new TimerWakeups(System::nanoTime);
    private final BufferPool pool = new BufferPool(1 << 20, 1 << 20);
    private final Arena arena = Arena.ofShared();
    private final InstanceScheduler scheduler;
    private final ActiveRequest.Content content;
    private final ModelIo io = new ModelIo(false, outputs -> outputs, new ModelStatistics(), Long.MAX_VALUE);

    private EmptyModel(Scheduling scheduling, ThreadConfinement confinement, int maxBatchSize) {
        ModelConfig config = ModelConfig.builder("empty").maxBatchSize(maxBatchSize).scheduling(scheduling).build();
        ClassLoader loader = EmptyModel.class.getClassLoader();
        SchedulerFactory schedulers = new SchedulerFactory(System::nanoTime, InstantSource.system(), wakeups, 4096,
                Optional.empty(), 0, 0);
        scheduler = schedulers.scheduler(config, new ModelStatistics(), Optional.empty(), loader);
        scheduler.add(Instance.create("empty_0", confinement, loader,
                () -> batch -> batch.requests().forEach(EmptyModel::answer)));
        content = new ActiveRequest.Content(
                new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0, List.of(), List.of(), false),
                List.of(new Tensor("INPUT0", DataType.FP32, Shape.of(1, 1), arena.allocate(4))), 1, Set.of());
    }

    /** Loads the model. */
    public static EmptyModel create(Scheduling scheduling, ThreadConfinement confinement, int maxBatchSize) {
        return new EmptyModel(scheduling, confinement, maxBatchSize);
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
        SingleResponse answer = new SingleResponse();
        scheduler.submit(new ActiveRequest(content, io, pool, answer, startNanos));
        answer.await();
        answer.get().close();
    }

    @Override
    public void close() {
        scheduler.stopInstances().forEach(Instance::close);
        arena.close();
        pool.close();
        wakeups.close();
    }
}

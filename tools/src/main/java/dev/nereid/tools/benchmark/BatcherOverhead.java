package dev.nereid.tools.benchmark;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.server.memory.BufferPool;
import dev.nereid.server.scheduler.Dispatcher;
import dev.nereid.server.scheduler.EngineRequest;
import dev.nereid.server.scheduler.InferenceResult;
import dev.nereid.server.scheduler.Instance;
import dev.nereid.server.scheduler.ResponseSink;
import dev.nereid.server.scheduler.Schedulers;
import dev.nereid.server.scheduler.TimerWakeups;
import dev.nereid.server.stats.ModelStatistics;
import java.lang.foreign.Arena;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.HdrHistogram.Histogram;

/**
 * Measures what the scheduler costs a request: from its submission until its answer is there, for a model that does
 * nothing. One line for each scheduler, with the instance on the threads of the requests and on its own. Arguments: the
 * seconds for each line (3), and the number of clients, each on a virtual thread (1).
 */
public final class BatcherOverhead {
    private static final int MAX_BATCH = 16;

    private BatcherOverhead() {
    }

    private enum Nowhere implements ResponseSink {
        INSTANCE;

        @Override
        public void response(InferenceResult result, boolean isFinal) {
            result.close();
        }

        @Override
        public void failure(InferenceException error) {
            throw error;
        }

        @Override
        public void end() {
        }
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws InterruptedException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 3;
        int clients = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 1;
        Map<String, Scheduling> schedulers = Map.of("direct", new Scheduling.Direct(), "dynamic batching",
                new Scheduling.DynamicBatching(List.of(MAX_BATCH), 0, false, 0, 0, QueuePolicy.DEFAULT, Map.of()));
        for (ThreadConfinement confinement : List.of(ThreadConfinement.ANY_THREAD, ThreadConfinement.OWN_THREAD)) {
            for (String scheduler : List.of("direct", "dynamic batching")) {
                Scheduling scheduling = schedulers.getOrDefault(scheduler, new Scheduling.Direct());
                Histogram ignored = run(scheduling, confinement, clients, seconds / 2);
                Histogram micros = run(scheduling, confinement, clients, seconds);
                System.out.printf(Locale.ROOT, "%-17s %-11s p50 %6.1f us  p99 %6.1f us  %9.0f requests/s%n", scheduler,
                        confinement, micros.getValueAtPercentile(50) / 1e3, micros.getValueAtPercentile(99) / 1e3,
                        micros.getTotalCount() / seconds);
            }
        }
    }

    private static Histogram run(Scheduling scheduling, ThreadConfinement confinement, int clients, double seconds)
            throws InterruptedException {
        ModelConfig config = ModelConfig.builder("empty").maxBatchSize(MAX_BATCH).scheduling(scheduling).build();
        try (TimerWakeups wakeups = new TimerWakeups(System::nanoTime);
                BufferPool pool = new BufferPool(1 << 20, 1 << 20);
                Arena arena = Arena.ofShared()) {
            ClassLoader loader = BatcherOverhead.class.getClassLoader();
            Schedulers schedulers = new Schedulers(System::nanoTime, InstantSource.system(), wakeups, 4096,
                    Optional.empty());
            Dispatcher dispatcher = schedulers.dispatcher(config, new ModelStatistics(), Optional.empty(), loader);
            dispatcher.add(Instance.create("empty_0", confinement, loader,
                    () -> batch -> batch.requests().forEach(BatcherOverhead::answer)));
            Tensor input = new Tensor("INPUT0", DataType.FP32, Shape.of(1, 1), arena.allocate(4));
            EngineRequest.Content content = new EngineRequest.Content("", CorrelationId.NONE, false, false, 0, 0,
                    Map.of(), List.of(input), 1, Set.of());
            EngineRequest.ModelIo io = new EngineRequest.ModelIo(false, outputs -> outputs);
            Histogram all = new Histogram(3);
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < clients; i++) {
                threads.add(Thread.ofVirtual().start(() -> {
                    Histogram own = new Histogram(3);
                    long end = System.nanoTime() + (long) (seconds * 1e9);
                    long begin = System.nanoTime();
                    while (begin < end) {
                        EngineRequest request = new EngineRequest(content, io, pool, Nowhere.INSTANCE, begin);
                        request.lendThread();
                        dispatcher.submit(request);
                        request.await();
                        long now = System.nanoTime();
                        own.recordValue(now - begin);
                        begin = now;
                    }
                    synchronized (all) {
                        all.add(own);
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            dispatcher.stop().forEach(Instance::close);
            return all;
        }
    }

    private static void answer(InferenceRequest request) {
        request.newResponse().send();
    }
}

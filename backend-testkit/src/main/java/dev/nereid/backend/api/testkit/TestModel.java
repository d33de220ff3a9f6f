package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;

/** A model that a {@link TestEngine} has loaded. */
public final class TestModel implements AutoCloseable {
    private static final Duration LATE_LIMIT = Duration.ofSeconds(30);
    /** A request that is executed again and again must end at last. */
    private static final int MAX_ROUNDS = 1000;

    private final Model model;
    private final ModelConfig config;
    private final List<Instance> instances;
    private final List<InstanceCalls> threads;
    private final Violations violations;
    private final CalledModels.Calls calls;
    private Runnable withdraw = () -> {
    };
    private final Set<Instance> closed = ConcurrentHashMap.newKeySet();
    private volatile Optional<TestTimes> lastTimes = Optional.empty();
    private boolean isClosed;

    /** An instance and where it may be called. */
    record Instance(String name, ModelInstance instance, InstanceCalls thread) {
    }

    TestModel(Model model, ModelConfig config, List<Instance> instances, List<InstanceCalls> threads,
            Violations violations, CalledModels.Calls calls) {
        this.model = model;
        this.config = config;
        this.instances = List.copyOf(instances);
        this.threads = List.copyOf(threads);
        this.violations = violations;
        this.calls = calls;
    }

    /** Lets other models call this one until it is closed. */
    void offerTo(CalledModels models) {
        Function<TestRequest, TestResult> answer = this::infer;
        models.offer(config.name(), answer);
        withdraw = () -> models.withdraw(config.name(), answer);
    }

    /** Returns the final configuration: completed, and with the instance groups that were used. */
    public ModelConfig config() {
        return config;
    }

    /** Returns the number of instances. */
    public int instanceCount() {
        return instances.size();
    }

    /** Returns whether all instances are ready. */
    public boolean isReady() {
        return instances.stream().allMatch(instance -> instance.instance().isReady());
    }

    /** Returns the memory that the model says it occupies. */
    public List<MemoryUsage> memoryUsage() {
        return model.memoryUsage();
    }

    /** Executes one request alone. */
    public TestResult infer(TestRequest request) {
        return execute(request).getFirst();
    }

    /** Executes those requests as one batch. */
    public List<TestResult> execute(TestRequest... requests) {
        return executeOn(0, List.of(requests));
    }

    /**
     * Returns how the model's {@link BatchingStrategy} divides requests that wait together: the sizes of the batches, in
     * order, as far as the strategy alone decides. Without one all are one batch.
     */
    public List<Integer> divide(TestRequest... requests) {
        List<InferenceRequest> waiting = new ArrayList<>();
        for (TestRequest request : requests) {
            waiting.add(EngineRequest.create(request, waiting.size(), config, violations));
        }
        Optional<BatchingStrategy> strategy = model.batchingStrategy();
        if (strategy.isEmpty()) {
            return List.of(waiting.size());
        }
        List<Integer> sizes = new ArrayList<>();
        for (int start = 0; start < waiting.size();) {
            int size = 0;
            try (BatchingStrategy.BatchBuilder builder = strategy.get().begin()) {
                while (start + size < waiting.size()
                        && (builder.include(waiting.get(start + size)) || size == 0)) {
                    size++;
                }
            }
            sizes.add(size);
            start += size;
        }
        if (waiting.stream().anyMatch(InferenceRequest::isAnswered)) {
            violations.add("the batching strategy answered a request");
        }
        return sizes;
    }

    /**
     * Executes those requests as one batch on that instance, and those of them again, together, that the backend wants
     * executed again. States are not kept between such rounds.
     */
    public List<TestResult> executeOn(int index, List<TestRequest> requests) {
        Instance instance = instances.get(index);
        List<EngineRequest> batch = new ArrayList<>();
        for (TestRequest request : requests) {
            batch.add(EngineRequest.create(request, batch.size(), config, violations));
        }
        List<EngineRequest> round = batch;
        for (int i = 0; i < MAX_ROUNDS && !round.isEmpty(); i++) {
            executeOnce(instance, round);
            round = round.stream().filter(EngineRequest::startsRound).toList();
        }
        for (EngineRequest request : round) {
            violations.add(request.label() + " was not answered in " + MAX_ROUNDS + " rounds");
            request.fail(InferenceException.internal("not answered"));
        }
        return batch.stream().map(EngineRequest::collect).toList();
    }

    private void executeOnce(Instance instance, List<EngineRequest> batch) {
        try {
            instance.thread().call(returning(() -> measure(instance.instance(), new EngineBatch(batch))));
        } catch (InferenceException e) {
            failUnanswered(batch, e);
        } catch (RuntimeException | LinkageError e) {
            failUnanswered(batch, new InferenceException(StatusCode.INTERNAL, "execute threw " + e, e));
        }
        for (EngineRequest request : batch) {
            request.executed(LATE_LIMIT.toNanos());
            if (!request.isAnswered() && !request.isGivenBack()) {
                violations.add("execute returned without answering " + request.label());
                request.fail(InferenceException.internal("not answered"));
            }
        }
    }

    private void measure(ModelInstance instance, EngineBatch batch) {
        try {
            instance.execute(batch);
        } finally {
            lastTimes = Optional.of(batch.end());
        }
    }

    /**
     * Returns how the time of the last execution that has ended divides.
     *
     * @throws IllegalStateException when there was none
     */
    public TestTimes lastTimes() {
        return lastTimes.orElseThrow(() -> new IllegalStateException("nothing was executed"));
    }

    /** Closes one instance before the others. */
    public void closeInstance(int index) {
        close(instances.get(index));
    }

    /** Closes the instances, last one first, then the model. */
    @Override
    public void close() {
        if (isClosed) {
            return;
        }
        isClosed = true;
        withdraw.run();
        for (Instance instance : instances.reversed()) {
            close(instance);
        }
        try {
            model.close();
        } catch (RuntimeException e) {
            violations.add("close of model '" + config.name() + "' threw " + e);
        }
        if (calls.openResults() > 0) {
            violations.add("model '" + config.name() + "' left " + calls.openResults() + " results of calls open");
        }
        threads.forEach(InstanceCalls::close);
    }

    private void close(Instance instance) {
        if (!closed.add(instance)) {
            return;
        }
        try {
            instance.thread().call(returning(instance.instance()::close));
        } catch (RuntimeException e) {
            violations.add("close of instance '" + instance.name() + "' threw " + e);
        }
    }

    private static void failUnanswered(List<EngineRequest> batch, InferenceException error) {
        for (EngineRequest request : batch) {
            if (!request.isAnswered() && !request.isAnsweredLater() && !request.isGivenBack()) {
                request.fail(error);
            }
        }
    }

    private static Callable<Boolean> returning(Runnable call) {
        return () -> {
            call.run();
            return true;
        };
    }
}

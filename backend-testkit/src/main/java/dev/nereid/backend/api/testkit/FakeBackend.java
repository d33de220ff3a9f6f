package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ExecutionPolicy;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.BackendFactory;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.BatchingStrategy;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Stands in for a backend in tests of an engine: copies INPUT0 to OUTPUT0 and so on unless told otherwise, notes
 * every call in {@link #events()}, and every promise that the engine breaks in {@link #violations()}: two calls into an
 * instance at once, another thread than the instance's own, a call after close, a second close, a wrong order.
 *
 * <p>The behaviour is set before the backend is used. Any thread may call.
 */
public final class FakeBackend implements BackendFactory {
    private final String name;
    private final Violations violations = new Violations();
    private final List<String> events = new ArrayList<>();
    private final AtomicInteger openModels = new AtomicInteger();
    private final AtomicInteger creations = new AtomicInteger();
    private BackendAttributes attributes = BackendAttributes.DEFAULT;
    private Consumer<BackendContext> onCreate = ignored -> {
    };
    private Consumer<ModelContext> onCreateModel = ignored -> {
    };
    private Consumer<InstanceContext> onCreateInstance = ignored -> {
    };
    private Runnable onCloseInstance = () -> {
    };
    private Runnable onCloseModel = () -> {
    };
    private Consumer<Batch> onExecute = FakeBackend::echo;
    private Optional<BatchingStrategy> batching = Optional.empty();
    private UnaryOperator<ModelConfig> completion = config -> config;
    private Supplier<List<MemoryUsage>> memoryUsage = List::of;
    private volatile boolean isReady = true;

    /** Creates a factory of that name. */
    public FakeBackend(String name) {
        this.name = name;
    }

    /** Sets what the backend declares. */
    public FakeBackend attributes(BackendAttributes value) {
        attributes = value;
        return this;
    }

    /** Sets what happens, such as an error, when the backend starts. */
    public FakeBackend onCreate(Consumer<BackendContext> action) {
        onCreate = action;
        return this;
    }

    /** Sets what happens before a model is created. */
    public FakeBackend onCreateModel(Consumer<ModelContext> action) {
        onCreateModel = action;
        return this;
    }

    /** Sets what happens before an instance is created. */
    public FakeBackend onCreateInstance(Consumer<InstanceContext> action) {
        onCreateInstance = action;
        return this;
    }

    /** Sets what an execution does instead of copying. */
    public FakeBackend onExecute(Consumer<Batch> action) {
        onExecute = action;
        return this;
    }

    /** Sets what happens when an instance is closed. */
    public FakeBackend onCloseInstance(Runnable action) {
        onCloseInstance = action;
        return this;
    }

    /** Sets what happens when a model is closed. */
    public FakeBackend onCloseModel(Runnable action) {
        onCloseModel = action;
        return this;
    }

    /** Sets what decides which requests share a batch. */
    public FakeBackend batchingStrategy(BatchingStrategy value) {
        batching = Optional.of(value);
        return this;
    }

    /** Sets what models say about their memory. */
    public FakeBackend memoryUsage(Supplier<List<MemoryUsage>> value) {
        memoryUsage = value;
        return this;
    }

    /** Sets how configurations are completed. */
    public FakeBackend completing(UnaryOperator<ModelConfig> value) {
        completion = value;
        return this;
    }

    /** Sets whether instances say that they are ready; may change at any time. */
    public void setReady(boolean value) {
        isReady = value;
    }

    /** Returns the calls so far, such as {@code execute m_0_0 [2 requests]}. */
    public List<String> events() {
        synchronized (events) {
            return List.copyOf(events);
        }
    }

    /** Returns the promises that the engine broke so far. */
    public List<String> violations() {
        return violations.all();
    }

    /** Answers every request of the batch with copies of its inputs: of INPUT0 as OUTPUT0, and so on. */
    public static void echo(Batch batch) {
        batch.markComputeStart();
        batch.markComputeEnd();
        for (InferenceRequest request : batch.requests()) {
            InferenceResponse response = request.newResponse();
            for (Tensor input : request.inputs()) {
                String output = input.name().replace("INPUT", "OUTPUT");
                if (request.isOutputRequested(output)) {
                    MemorySegment target = response.addOutput(output, input.dataType(), input.shape(),
                            input.byteSize());
                    target.copyFrom(input.data());
                }
            }
            response.send();
        }
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public ApiVersion builtFor() {
        return new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR);
    }

    @Override
    public Backend create(BackendContext context) {
        note("create " + context.name());
        if (creations.incrementAndGet() > 1) {
            violations.add("the backend was created twice");
        }
        onCreate.accept(context);
        return new FakeStarted();
    }

    private void note(String event) {
        synchronized (events) {
            events.add(event);
        }
    }

    private final class FakeStarted implements Backend {
        private boolean isClosed;

        @Override
        public BackendAttributes attributes() {
            return attributes;
        }

        @Override
        public Model createModel(ModelContext context) {
            note("createModel " + context.name() + " " + context.version());
            onCreateModel.accept(context);
            openModels.incrementAndGet();
            return new FakeModel(context);
        }

        @Override
        public synchronized void close() {
            note("close " + name);
            if (isClosed) {
                violations.add("the backend was closed twice");
            }
            isClosed = true;
            if (openModels.get() > 0) {
                violations.add("the backend was closed before its " + openModels + " models");
            }
        }
    }

    private final class FakeModel implements Model {
        private final ModelContext context;
        private final AtomicInteger openInstances = new AtomicInteger();
        private final AtomicInteger instancesInCreation = new AtomicInteger();
        private boolean isClosed;

        FakeModel(ModelContext context) {
            this.context = context;
        }

        @Override
        public Optional<ModelConfig> completedConfig() {
            if (!context.autoComplete()) {
                violations.add("model '" + context.name() + "' was asked for a completed configuration");
            }
            ModelConfig completed = completion.apply(context.config());
            return completed.equals(context.config()) ? Optional.empty() : Optional.of(completed);
        }

        @Override
        public Optional<BatchingStrategy> batchingStrategy() {
            return batching;
        }

        @Override
        public List<MemoryUsage> memoryUsage() {
            return memoryUsage.get();
        }

        @Override
        public ModelInstance createInstance(InstanceContext instance) {
            note("createInstance " + instance.name());
            if (instancesInCreation.incrementAndGet() > 1 && !attributes.parallelInstanceLoading()) {
                violations.add("instances of model '" + context.name() + "' were created at the same time");
            }
            try {
                onCreateInstance.accept(instance);
            } finally {
                instancesInCreation.decrementAndGet();
            }
            openInstances.incrementAndGet();
            return new FakeInstance(instance.name(), openInstances);
        }

        @Override
        public synchronized void close() {
            note("closeModel " + context.name() + " " + context.version());
            if (isClosed) {
                violations.add("model '" + context.name() + "' was closed twice");
                return;
            }
            isClosed = true;
            openModels.decrementAndGet();
            if (openInstances.get() > 0) {
                violations.add("model '" + context.name() + "' was closed before its " + openInstances + " instances");
            }
            onCloseModel.run();
        }
    }

    private final class FakeInstance implements ModelInstance {
        private final String instanceName;
        private final AtomicInteger openInstances;
        private final Thread creator = Thread.currentThread();
        private final AtomicInteger running = new AtomicInteger();
        private volatile boolean isClosed;

        FakeInstance(String instanceName, AtomicInteger openInstances) {
            this.instanceName = instanceName;
            this.openInstances = openInstances;
        }

        @Override
        public void execute(Batch batch) {
            note("execute " + instanceName + " [" + batch.requests().size() + " requests]");
            enter("execute");
            try {
                if (isClosed) {
                    violations.add("instance '" + instanceName + "' was executed after it was closed");
                }
                onExecute.accept(batch);
            } finally {
                running.decrementAndGet();
            }
        }

        @Override
        public boolean isReady() {
            return isReady;
        }

        @Override
        public void close() {
            note("closeInstance " + instanceName);
            enter("close");
            try {
                if (isClosed) {
                    violations.add("instance '" + instanceName + "' was closed twice");
                    return;
                }
                isClosed = true;
                openInstances.decrementAndGet();
                onCloseInstance.run();
            } finally {
                running.decrementAndGet();
            }
        }

        private void enter(String call) {
            if (running.incrementAndGet() > 1) {
                violations.add("instance '" + instanceName + "' got " + call + " while another call was running");
            }
            if (attributes.threadConfinement() == ThreadConfinement.OWN_THREAD
                    && attributes.executionPolicy() == ExecutionPolicy.BLOCKING) {
                if (Thread.currentThread() != creator) {
                    violations.add("instance '" + instanceName + "' got " + call + " on " + Thread.currentThread()
                            + ", but was created on " + creator);
                }
                if (Thread.currentThread().isVirtual()) {
                    violations.add("instance '" + instanceName + "' got " + call + " on a virtual thread");
                }
            }
        }
    }
}

package dev.nereid.engine.embedded;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.Inference;
import dev.nereid.engine.InferenceEngine;
import dev.nereid.engine.ModelStatus;
import dev.nereid.engine.ModelVersion;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.InferenceClient;
import dev.nereid.engine.model.LoadOverride;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Turns requests of the program into those of the engine, and keeps their memory until they have ended. Threads: any. */
public final class EmbeddedEngine implements InferenceEngine {
    /** Never started: tells memory that any thread may use from memory that is confined to one. */
    private static final Thread STRANGER = Thread.ofPlatform().unstarted(() -> {
    });

    private final Engine engine;

    private EmbeddedEngine(Engine engine) {
        this.engine = engine;
    }

    /**
     * Creates an engine; no model is loaded yet.
     *
     * @throws InferenceException when a repository is not a directory
     */
    public static InferenceEngine create(EngineOptions options) {
        return new EmbeddedEngine(Engine.create(options));
    }

    /** Returns what a program uses of an engine, which it closes with it. */
    public static InferenceEngine over(Engine engine) {
        return new EmbeddedEngine(engine);
    }

    @Override
    public Map<String, InferenceException> start() {
        return engine.start();
    }

    @Override
    public ModelVersion version(String model, OptionalLong version) {
        ServedVersion served = engine.lookup(model, version);
        return new ModelVersion(served.name(), served.version(), served.config());
    }

    @Override
    public Ticket submit(Inference inference, ResponseListener listener) {
        BufferScope scope = new BufferScope(engine.buffers());
        try {
            RequestData data = data(inference, scope);
            ResponseListener ending = new Ending(listener, scope);
            return engine.onVersion(inference.model(), inference.version(),
                    served -> engine.submit(served, data, scope, ending, RequestTrace.OFF));
        } catch (RuntimeException | Error e) {
            scope.close();
            throw e;
        }
    }

    /** Gives the request's memory back once it has ended. */
    private record Ending(ResponseListener listener, BufferScope scope) implements ResponseListener {
        @Override
        public void response(Response response, boolean isLast) {
            listener.response(response, isLast);
        }

        @Override
        public void end(@Nullable InferenceException error) {
            scope.close();
            listener.end(error);
        }
    }

    @Override
    public Response infer(Inference inference) {
        try (BufferScope scope = new BufferScope(engine.buffers())) {
            RequestData data = data(inference, scope);
            return engine.onVersion(inference.model(), inference.version(), served -> {
                if (served.config().isDecoupled()) {
                    throw InferenceException.unsupported("model '" + served.name()
                            + "' is decoupled: it answers any number of times, submit the request with a listener");
                }
                return engine.begin(served, data, scope, InferenceClient.PATIENT);
            }).await();
        }
    }

    private static RequestData data(Inference inference, BufferScope scope) {
        List<InputData> inputs = new ArrayList<>();
        for (Tensor input : inference.inputs()) {
            if (input.placement().kind() == Placement.Kind.GPU) {
                throw InferenceException.unsupported("input '" + input.name() + "' lies in GPU memory, expected host"
                        + " memory");
            }
            inputs.add(new InputData(input.name(), Optional.of(input.dataType()), input.shape().toArray(),
                    shareable(input.data(), scope)));
        }
        return new RequestData(inference.id(), inference.parameters(), inference.sequence(),
                inference.isSequenceStart(), inference.isSequenceEnd(), inference.priority(),
                inference.timeout().toNanos() / 1000, inputs, inference.outputs(), false);
    }

    /** Returns memory outside the heap that any thread may read: a backend may expect no other. */
    private static MemorySegment shareable(MemorySegment data, BufferScope scope) {
        if (data.isNative() && data.isAccessibleBy(STRANGER)) {
            return data.asReadOnly();
        }
        return scope.allocate(data.byteSize(), 1).copyFrom(data).asReadOnly();
    }

    @Override
    public void load(String model) {
        engine.load(model, LoadOverride.NONE);
    }

    @Override
    public void unload(String model) {
        engine.unload(model, false);
    }

    @Override
    public List<ModelStatus> models() {
        return engine.index(false).stream().map(entry -> new ModelStatus(entry.name(), entry.version(),
                entry.state().map(Enum::name).orElse(""), entry.reason())).toList();
    }

    @Override
    public boolean isReady() {
        return engine.isReady();
    }

    @Override
    public void close() {
        engine.close();
    }

    @Override
    public boolean closeWithin(Duration limit) {
        return engine.stopWithin(limit);
    }
}

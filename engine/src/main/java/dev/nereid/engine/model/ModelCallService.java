package dev.nereid.engine.model;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Takes the calls of models to other models. A call is a request like any other, to the same queues, under the same
 * bounds; the calling thread waits for the answer. Threads: any.
 */
final class ModelCallService {
    /** Never started: tells memory that any thread may use from memory that is confined to one. */
    private static final Thread STRANGER = Thread.ofPlatform().unstarted(() -> {
    });

    private static final ModelCall.Step NO_SEQUENCE = new ModelCall.Step(CorrelationId.NONE, false, false);

    private final Admission admission;
    private final BufferPool buffers;
    private final ModelCatalog catalog;
    private final WaitGraph waits = new WaitGraph();

    ModelCallService(Admission admission, BufferPool buffers, ModelCatalog catalog) {
        this.admission = admission;
        this.buffers = buffers;
        this.catalog = catalog;
    }

    /** Returns what the model of that name calls others with. */
    ModelCalls callsOf(String caller) {
        return call -> infer(caller, call);
    }

    private InferenceResult infer(String caller, ModelCall call) {
        if (call.isCancelled()) {
            throw new InferenceException(StatusCode.CANCELLED, "the call of model '" + call.model()
                    + "' was cancelled");
        }
        ServedVersion callee = admission.lookup(call.model(), call.version());
        if (callee.config().isDecoupled()) {
            throw InferenceException.unsupported("model '" + call.model()
                    + "' is decoupled and can't be called by other models");
        }
        Set<String> awaited = new HashSet<>();
        addAwaited(callee, awaited);
        waits.begin(caller, awaited);
        try (BufferScope scope = new BufferScope(buffers)) {
            RequestData data = data(call, scope);
            return new Result(admission.onVersion(call.model(), call.version(),
                    served -> admission.begin(served, data, scope, InferenceClient.PATIENT, call::isCancelled))
                    .await());
        } finally {
            waits.end(caller, awaited);
        }
    }

    /** Adds the model, and for an ensemble the models that it consists of. */
    private void addAwaited(ServedVersion model, Set<String> names) {
        if (names.add(model.name()) && model.config().scheduling() instanceof Scheduling.Ensemble ensemble) {
            for (Scheduling.Step step : ensemble.steps()) {
                catalog.find(step.modelName()).ifPresentOrElse(
                        snapshot -> snapshot.ready().forEach(version -> addAwaited(version, names)),
                        () -> names.add(step.modelName()));
            }
        }
    }

    private static RequestData data(ModelCall call, BufferScope scope) {
        List<InputData> inputs = new ArrayList<>();
        for (Tensor input : call.inputs()) {
            if (input.placement().kind() == Placement.Kind.GPU) {
                throw InferenceException.unsupported("input '" + input.name() + "' of the call of model '"
                        + call.model() + "' lies in GPU memory, expected host memory");
            }
            inputs.add(new InputData(input.name(), Optional.of(input.dataType()), input.shape().toArray(),
                    shareable(input.data(), scope)));
        }
        String id = call.callers().size() == 1 ? call.callers().getFirst().id() : "";
        ModelCall.Step step = call.sequence().orElse(NO_SEQUENCE);
        return new RequestData(id, call.parameters(), step.id(), step.isStart(), step.isEnd(), 0, 0, inputs,
                List.copyOf(call.outputs()), false);
    }

    /** Returns memory outside the heap that any thread may read: a backend may expect no other. */
    private static MemorySegment shareable(MemorySegment data, BufferScope scope) {
        if (data.isNative() && data.isAccessibleBy(STRANGER)) {
            return data.asReadOnly();
        }
        return scope.allocate(data.byteSize(), 1).copyFrom(data).asReadOnly();
    }

    /** An answer as backends see it. */
    private record Result(Response answer) implements InferenceResult {
        @Override
        public List<Tensor> outputs() {
            return answer.outputs();
        }

        @Override
        public Map<String, Parameter> parameters() {
            return answer.parameters();
        }

        @Override
        public void close() {
            answer.close();
        }
    }
}

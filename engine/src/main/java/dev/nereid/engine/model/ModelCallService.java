package dev.nereid.engine.model;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResult;
import dev.nereid.backend.api.ModelCall;
import dev.nereid.backend.api.ModelCallListener;
import dev.nereid.backend.api.ModelCalls;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.repository.config.ModelIds;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Takes the calls of models to other models. A call is a request like any other, to the same queues, under the same
 * bounds; the calling thread waits for the answers. Threads: any.
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

    /** Returns what the model of that id calls others with. */
    ModelCalls callsOf(String caller) {
        return new Calls(caller);
    }

    /** The calls of one model. */
    private final class Calls implements ModelCalls {
        private final String caller;

        Calls(String caller) {
            this.caller = caller;
        }

        @Override
        public InferenceResult infer(ModelCall call) {
            ServedVersion callee = callee(call);
            if (callee.config().isDecoupled()) {
                throw InferenceException
                        .unsupported("model '" + call.model() + "' is decoupled: it may answer any number "
                                + "of times; call it with a listener, or another model");
            }
            Set<String> awaited = beginWait(caller, callee);
            try (BufferScope scope = new BufferScope(buffers)) {
                RequestData data = data(call, scope);
                InferenceClient client = InferenceClient.patient(trace(call));
                return new Result(admission.onVersion(call.model(), call.version(),
                        served -> admission.begin(served, data, scope, client, call::isCancelled))
                        .await());
            } finally {
                waits.end(caller, awaited);
            }
        }

        @Override
        public void infer(ModelCall call, ModelCallListener listener) {
            Set<String> awaited = beginWait(caller, callee(call));
            try (BufferScope scope = new BufferScope(buffers)) {
                RequestData data = data(call, scope);
                CallResponses responses = new CallResponses();
                RequestTrace trace = trace(call);
                Ticket ticket = admission.onVersion(call.model(), call.version(),
                        served -> admission.submit(served, data, scope, responses, call::isCancelled, trace));
                handOn(call, responses, ticket, listener);
            } finally {
                waits.end(caller, awaited);
            }
        }
    }

    /** Notes that a model waits for another, and for those that it consists of. Returns the names. */
    private Set<String> beginWait(String caller, ServedVersion callee) {
        Set<String> awaited = new HashSet<>();
        addAwaited(callee, awaited);
        waits.begin(caller, awaited);
        return awaited;
    }

    private ServedVersion callee(ModelCall call) {
        if (call.isCancelled()) {
            throw cancelled(call);
        }
        return admission.lookup(call.model(), call.version());
    }

    private static InferenceException cancelled(ModelCall call) {
        return new InferenceException(StatusCode.CANCELLED, "the call of model '" + call.model() + "' was cancelled");
    }

    /** Hands responses on until the end, or until the listener wants no more. Whatever happens, the request has ended then. */
    private static void handOn(ModelCall call, CallResponses responses, Ticket ticket, ModelCallListener listener) {
        try {
            for (Response response = responses.next(); response != null; response = responses.next()) {
                if (call.isCancelled()) {
                    response.close();
                    throw cancelled(call);
                }
                if (!listener.onResult(new Result(response))) {
                    return;
                }
            }
            responses.check();
        } finally {
            // After the end this does nothing.
            ticket.cancel();
            responses.awaitEnd();
        }
    }

    /** Returns a part of the trace of the one request that a call is made for; none where there are several. */
    private static RequestTrace trace(ModelCall call) {
        return call.callers().size() == 1 && call.callers().getFirst() instanceof ActiveRequest caller
                ? caller.trace().child()
                : RequestTrace.OFF;
    }

    /** Adds the model, and for an ensemble the models that it consists of. */
    private void addAwaited(ServedVersion model, Set<String> names) {
        if (names.add(model.id()) && model.config().scheduling() instanceof Scheduling.Ensemble ensemble) {
            for (Scheduling.Step step : ensemble.steps()) {
                String id = ModelIds.of(step.modelNamespace(), step.modelName());
                catalog.find(id).ifPresentOrElse(
                        snapshot -> snapshot.ready().forEach(version -> addAwaited(version, names)),
                        () -> names.add(id));
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

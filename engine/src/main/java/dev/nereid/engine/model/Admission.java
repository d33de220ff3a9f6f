package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.ensemble.Member;
import dev.nereid.engine.ensemble.Members;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.model.ModelCatalog.Snapshot;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.CheckedRequest;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import java.lang.foreign.SegmentAllocator;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

/**
 * The one door to the schedulers: checks requests of clients, of other models and of ensembles, and hands them to the
 * scheduler of their version. Threads: any.
 */
public final class Admission implements Members {
    /** Only the check of a request without names needs memory. */
    private static final SegmentAllocator NO_MEMORY = (size, alignment) -> {
        throw new IllegalStateException("the request of a step is complete");
    };

    private final BufferPool buffers;
    private final ModelCatalog catalog;

    Admission(BufferPool buffers, ModelCatalog catalog) {
        this.buffers = buffers;
        this.catalog = catalog;
    }

    /**
     * Has something done with the version that serves requests to a model now, and again with its successor where a re-load
     * has replaced it before it took the request. A request that continues a sequence goes to the version that has the
     * sequence, also when that no longer serves otherwise.
     *
     * @param version empty for the highest that is ready
     * @param action looks at the version's configuration and submits, but does not wait for the answer; is called again only
     *     where it threw UNAVAILABLE, or was called with a version that does not have the sequence
     * @throws InferenceException NOT_FOUND or UNAVAILABLE, or what the action threw
     */
    <T> T onVersion(String model, OptionalLong version, Function<ServedVersion, T> action) {
        List<ServedVersion> leaving = catalog.leaving(model, version);
        while (true) {
            for (ServedVersion each : leaving) {
                // One that is just being replaced says of another's sequence that it lacks a START, as one that serves does.
                boolean saysWhoseItIs = each.isLeaving();
                try {
                    return action.apply(each);
                } catch (InferenceException e) {
                    if (saysWhoseItIs && !(e.getCause() instanceof OtherSequence)) {
                        throw e;
                    }
                }
            }
            try {
                return onReadyVersion(model, version, action);
            } catch (InferenceException e) {
                // The version that has the sequence may have been replaced just now.
                List<ServedVersion> now = catalog.leaving(model, version);
                if (leaving.containsAll(now)) {
                    throw e;
                }
                leaving = now;
            }
        }
    }

    /** Does the same for a request that is not part of a sequence. */
    <T> T onReadyVersion(String model, OptionalLong version, Function<ServedVersion, T> action) {
        ServedVersion served = catalog.lookup(catalog.resolve(model), version);
        while (true) {
            try {
                return action.apply(served);
            } catch (InferenceException e) {
                ServedVersion current = e.code() == StatusCode.UNAVAILABLE ? successor(model, version, e) : served;
                if (current == served) {
                    throw e;
                }
                served = current;
            }
        }
    }

    /** Returns the version that serves now; where there is none, {@code refusal} says why better than its absence. */
    private ServedVersion successor(String model, OptionalLong version, InferenceException refusal) {
        try {
            return catalog.lookup(catalog.resolve(model), version);
        } catch (InferenceException gone) {
            throw refusal;
        }
    }

    /**
     * Takes a request. Returns at once; requests of one thread to one version are queued in the order of its calls.
     *
     * @param scope gives memory for the checked request; it and the inputs' memory must stay as they are until the end
     * @param listener gets the answers
     * @param trace notes the request's way
     * @throws InferenceException what is wrong with the request, or why it can't be taken; the listener gets nothing then
     */
    Ticket submit(ServedVersion served, RequestData data, BufferScope scope, ResponseListener listener,
            RequestTrace trace) {
        checkSequence(served, data);
        return submit(admit(served, data, scope, listener, trace), served);
    }

    /**
     * Takes a request of another model; else as the other {@code submit}.
     *
     * @param isGone tells whether nobody waits for the answers any more
     */
    Ticket submit(ServedVersion served, RequestData data, BufferScope scope, ResponseListener listener,
            BooleanSupplier isGone, RequestTrace trace) {
        checkSequence(served, data);
        ActiveRequest request = admit(served, data, scope, listener, trace);
        request.cancelWhen(isGone);
        return submit(request, served);
    }

    private static Ticket submit(ActiveRequest request, ServedVersion served) {
        served.scheduler().submit(request);
        return request;
    }

    /**
     * Takes a request whose one response the current thread will wait for, and may be lent meanwhile to execute.
     *
     * @param scope gives memory for the checked request
     * @param client can give up while it waits
     * @param isGone tells whether nobody waits for the answer any more
     * @throws InferenceException what is wrong with the request, or why it can't be taken
     */
    PendingInference begin(ServedVersion served, RequestData data, BufferScope scope, InferenceClient client,
            BooleanSupplier isGone) {
        checkSequence(served, data);
        SingleResponse answer = new SingleResponse();
        ActiveRequest request = admit(served, data, scope, answer, client.trace());
        request.cancelWhen(isGone);
        request.onInputsUsed(client::inputsUsed);
        client.waits(request);
        try {
            served.scheduler().submit(request);
        } catch (RuntimeException | Error e) {
            client.answered();
            throw e;
        }
        return new PendingInference(served, answer, client);
    }

    @Override
    public Member take(String model, OptionalLong version) {
        while (true) {
            ServedVersion served = catalog.lookup(model, version);
            // One that is just being closed is no longer in the catalog.
            if (served.retain()) {
                return new UsedVersion(served, version);
            }
        }
    }

    /** A version as the ensembles see it that it is a part of. */
    private final class UsedVersion implements Member {
        private final ServedVersion served;
        private final OptionalLong asked;
        /** Requests that continue a sequence of a version which serves nothing else any more. */
        private final Map<ActiveRequest, ServedVersion> elsewhere = new ConcurrentHashMap<>();

        UsedVersion(ServedVersion served, OptionalLong asked) {
            this.served = served;
            this.asked = asked;
        }

        private ServedVersion versionFor(RequestData data) {
            if (data.correlationId().isPresent() && !served.scheduler().hasSequence(data.correlationId())) {
                for (ServedVersion leaving : catalog.leaving(served.id(), asked)) {
                    if (leaving != served && continues(data, leaving)) {
                        return leaving;
                    }
                }
            }
            return served;
        }

        @Override
        public ModelConfig config() {
            return served.config();
        }

        @Override
        public ActiveRequest admit(RequestData data, ResponseListener listener, BooleanSupplier isGone,
                RequestTrace trace) {
            ServedVersion version = versionFor(data);
            ActiveRequest request = Admission.this.admit(version, data, NO_MEMORY, listener, trace);
            request.cancelWhen(isGone);
            if (version != served) {
                elsewhere.put(request, version);
            }
            return request;
        }

        @Override
        public void submit(ActiveRequest request) {
            ServedVersion other = elsewhere.remove(request);
            (other == null ? served : other).scheduler().submit(request);
        }

        @Override
        public void release() {
            served.release();
        }
    }

    /**
     * Returns a version that a request may turn out to be for: the one that serves, or else one that has sequences.
     *
     * @param version empty for the highest that is ready
     * @throws InferenceException NOT_FOUND or UNAVAILABLE
     */
    ServedVersion lookup(String model, OptionalLong version) {
        try {
            return catalog.lookup(catalog.resolve(model), version);
        } catch (InferenceException e) {
            List<ServedVersion> leaving = catalog.leaving(model, version);
            if (leaving.isEmpty()) {
                throw e;
            }
            return leaving.getFirst();
        }
    }

    /** Tells that a request does not continue a sequence of a version that does nothing else any more. */
    private static final class OtherSequence extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    /**
     * Refuses a request for a version that is being unloaded, unless it continues a sequence which that has, and no later
     * version.
     */
    private void checkSequence(ServedVersion served, RequestData data) {
        if (served.isLeaving() && served.config().scheduling() instanceof SequenceBatching
                && !continues(data, served)) {
            throw new InferenceException(StatusCode.UNAVAILABLE, "version " + served.version() + " of model '"
                    + served.name() + "' is being unloaded, and the request continues none of its sequences",
                    new OtherSequence());
        }
    }

    /** Returns whether a request continues a sequence that a version has which is being unloaded, and no later version. */
    private boolean continues(RequestData data, ServedVersion leaving) {
        return !data.isSequenceStart() && leaving.scheduler().hasSequence(data.correlationId())
                && catalog.find(leaving.id()).orElse(Snapshot.EMPTY).ready().stream()
                        .noneMatch(ready -> !ready.isLeaving() && ready.scheduler().hasSequence(data.correlationId()));
    }

    private ActiveRequest admit(ServedVersion served, RequestData data, SegmentAllocator scope,
            ResponseListener listener, RequestTrace trace) {
        if (served.isPassive()) {
            throw InferenceException.unavailable("model '" + served.name()
                    + "' has passive instances only, which are loaded but execute no requests");
        }
        long start = System.nanoTime();
        trace.model(served.name(), served.version(), data.id());
        trace.mark(TracePoint.REQUEST_START, start);
        CheckedRequest checked = served.validator().validate(data, scope);
        ActiveRequest request = new ActiveRequest(content(data, checked, served.allOutputs()), served.io(), buffers,
                listener, start);
        request.tracedBy(trace);
        trace.queuedInputs(checked.inputs());
        return request;
    }

    /** Returns what a backend gets of a checked request: it may not write into memory that the client still owns. */
    static ActiveRequest.Content content(RequestData data, CheckedRequest checked, Set<String> allOutputs) {
        Set<String> outputs = checked.requestedOutputs().size() == allOutputs.size()
                ? allOutputs
                : new HashSet<>(checked.requestedOutputs());
        return new ActiveRequest.Content(data, readOnly(checked.inputs()), checked.batchSize(), outputs);
    }

    private static List<Tensor> readOnly(List<Tensor> inputs) {
        boolean isGuarded = true;
        for (Tensor input : inputs) {
            isGuarded &= input.data().isReadOnly();
        }
        if (isGuarded) {
            return inputs;
        }
        List<Tensor> guarded = new ArrayList<>(inputs.size());
        for (Tensor input : inputs) {
            guarded.add(input.data().isReadOnly()
                    ? input
                    : new Tensor(input.name(), input.dataType(), input.shape(), input.data().asReadOnly(),
                            input.placement()));
        }
        return guarded;
    }
}

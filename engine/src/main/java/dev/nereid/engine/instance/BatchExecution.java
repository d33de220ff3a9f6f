package dev.nereid.engine.instance;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.RequestState;
import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.engine.trace.RequestTrace;
import dev.nereid.engine.trace.TracePoint;
import java.lang.System.Logger.Level;
import java.lang.System.Logger;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Executes batches of one model version, whatever its backend does, and counts what came of them. Threads: any. */
public final class BatchExecution {
    private static final Logger LOGGER = System.getLogger(BatchExecution.class.getName());

    private final String modelName;
    private final int maxBatchSize;
    private final ModelStatistics statistics;
    private final InstantSource wallClock;
    private volatile String lastFailure = "";

    /**
     * Creates it.
     *
     * @param maxBatchSize how many rows a batch may have; 0 where the model has no batches
     * @param wallClock the time of day, for statistics
     */
    public BatchExecution(String modelName, int maxBatchSize, ModelStatistics statistics, InstantSource wallClock) {
        this.modelName = modelName;
        this.maxBatchSize = maxBatchSize;
        this.statistics = statistics;
        this.wallClock = wallClock;
    }

    /**
     * Executes a batch on the current thread. Returns the requests that have an answer now, which is not yet delivered; of the
     * others some are left to {@code late}, some are to be executed again.
     */
    public List<ActiveRequest> run(ExecutionBatch batch, Instance instance, LateAnswers late) {
        InferenceException failure = null;
        InferenceException told = null;
        batch.start();
        try {
            checkSize(batch);
            instance.execute(batch);
        } catch (InferenceException e) {
            failure = e;
            told = logIfInternal(instance, e, null);
        } catch (Throwable e) {
            // The one place that catches everything: around a call into a plugin.
            log(Level.ERROR, instance, e);
            failure = new InferenceException(StatusCode.INTERNAL,
                    "model '" + modelName + "' failed to execute the request; the server's log has the details", e);
            told = failure;
        }
        BatchTimes times = batch.end();
        instance.noteDuration(times.computeEnd() - times.computeStart());
        boolean succeeded = false;
        List<ActiveRequest> requests = batch.engineRequests();
        // Made only where some have no answer yet.
        @Nullable
        List<ActiveRequest> answered = null;
        for (int i = 0; i < requests.size(); i++) {
            ActiveRequest request = requests.get(i);
            if (request.isStandIn()) {
                answered = answered == null ? new ArrayList<>(requests.subList(0, i)) : answered;
                end(request);
                continue;
            }
            note(times, request.trace());
            request.executedIn(times);
            if (request.state() == RequestState.DETACHED && late.leaves(request, instance, times)) {
                answered = answered == null ? new ArrayList<>(requests.subList(0, i)) : answered;
                succeeded = true;
                continue;
            }
            if (request.state() == RequestState.AGAIN && keepsStates(request)) {
                answered = answered == null ? new ArrayList<>(requests.subList(0, i)) : answered;
                succeeded = true;
                continue;
            }
            if (!request.isAnswered()) {
                // Made only here: an exception with its stack costs as much as a small execution.
                InferenceException cause = failure != null ? failure : unanswered();
                request.failUnanswered(cause, FailureReason.ofExecution(cause.code()));
            }
            told = logIfInternal(instance, request.error(), told);
            statistics.record(request, times.computeEnd(), times);
            succeeded |= request.failure() == null;
            if (answered != null) {
                answered.add(request);
            }
        }
        if (succeeded) {
            statistics.recordBatch(Math.max(1, batch.rows()), times, wallClock.millis());
        }
        return answered == null ? requests : answered;
    }

    /** A mistake of ours, which native code could answer by reading beyond its memory. */
    private void checkSize(ExecutionBatch batch) {
        if (maxBatchSize > 0 && batch.rows() > maxBatchSize) {
            throw InferenceException.internal("batch size " + batch.rows() + " for '" + modelName
                    + "', max allowed is " + maxBatchSize);
        }
    }

    /**
     * Tells of a failure that is no fault of the request, with the cause, which clients don't see.
     *
     * @param told was told last of this batch
     * @return what was told last now
     */
    private @Nullable InferenceException logIfInternal(Instance instance, @Nullable InferenceException error,
            @Nullable InferenceException told) {
        if (error == null || error == told
                || (error.code() != StatusCode.INTERNAL && error.code() != StatusCode.UNKNOWN)) {
            return told;
        }
        log(Level.WARNING, instance, error);
        return error;
    }

    /** Tells why an execution failed; once where that repeats with every batch. */
    private void log(Level level, Instance instance, Throwable error) {
        String brief = error.toString();
        LOGGER.log(brief.equals(lastFailure) ? Level.DEBUG : level,
                "model '" + modelName + "', instance '" + instance.name() + "': execution failed", error);
        lastFailure = brief;
    }

    /** Returns whether the states of a round could be kept; where not, the request has failed. */
    private static boolean keepsStates(ActiveRequest request) {
        try {
            request.storeUnsentStates();
            return true;
        } catch (InferenceException e) {
            request.failUnanswered(e, FailureReason.BACKEND);
            return false;
        }
    }

    /** Lets go of what filled a gap. */
    private void end(ActiveRequest standIn) {
        if (!standIn.leavesBatch(ActiveRequest::deliver)) {
            if (!standIn.isAnswered()) {
                standIn.failUnanswered(unanswered(), FailureReason.OTHER);
            }
            standIn.deliver();
        }
    }

    /** Takes the requests whose backend answers after the execution of their batch has returned. */
    public interface LateAnswers {
        /**
         * Takes a request. Returns false where its answer came just now.
         *
         * @param instance executed it, and must not be closed before its answer
         * @param times of the execution that has returned
         */
        boolean leaves(ActiveRequest request, Instance instance, BatchTimes times);
    }

    private InferenceException unanswered() {
        return InferenceException.internal("model '" + modelName + "' did not answer the request");
    }

    private static void note(BatchTimes times, RequestTrace trace) {
        trace.mark(TracePoint.COMPUTE_START, times.computeStart());
        trace.mark(TracePoint.COMPUTE_INPUT_END, times.inputEnd());
        trace.mark(TracePoint.COMPUTE_OUTPUT_START, times.outputStart());
        trace.mark(TracePoint.COMPUTE_END, times.computeEnd());
    }
}

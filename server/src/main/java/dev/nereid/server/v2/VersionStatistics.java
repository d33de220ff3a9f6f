package dev.nereid.server.v2;

import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.engine.stats.DurationCounter;
import dev.nereid.engine.stats.ResponseStatistics;
import java.util.List;

/**
 * What one model version has done since it was loaded.
 *
 * @param model the model
 * @param version the version
 * @param lastInferenceMillis when it last executed, in milliseconds since the epoch; 0 for never
 * @param inferenceCount rows of successful requests
 * @param executionCount executions
 * @param requests requests by outcome, and where their time went
 * @param responses responses of a decoupled model by their place among those of their request, ascending
 * @param batches executions by number of rows, ascending
 * @param memory the memory that the model says it occupies
 */
public record VersionStatistics(String model, String version, long lastInferenceMillis, long inferenceCount,
        long executionCount, Requests requests, List<Responses> responses, List<Batch> batches,
        List<MemoryUsage> memory) {
    /** Copies the lists. */
    public VersionStatistics {
        responses = List.copyOf(responses);
        batches = List.copyOf(batches);
        memory = List.copyOf(memory);
    }

    /**
     * How often something happened.
     *
     * @param count how often
     * @param nanos how long it took in sum
     */
    public record Counter(long count, long nanos) {
        static Counter of(DurationCounter counter) {
            return new Counter(counter.count(), counter.nanos());
        }

        Counter plus(Counter other) {
            return new Counter(count + other.count, nanos + other.nanos);
        }
    }

    /**
     * Requests, under the names of the protocol.
     *
     * @param success successful ones
     * @param fail failed ones, for whatever reason
     * @param queue their time in the queue
     * @param computeInput the time for their inputs
     * @param computeInfer the time of the computation
     * @param computeOutput the time for their outputs
     * @param cacheHit those answered from the response cache
     * @param cacheMiss those that the response cache did not hold
     */
    public record Requests(Counter success, Counter fail, Counter queue, Counter computeInput, Counter computeInfer,
            Counter computeOutput, Counter cacheHit, Counter cacheMiss) {
    }

    /**
     * Responses of one place, under the names of the protocol.
     *
     * @param index the place, from 0
     * @param computeInfer the time until outputs were begun
     * @param computeOutput the time for their outputs
     * @param success those that were sent
     * @param fail errors in place of a response
     * @param emptyResponse ends without a response
     * @param cancel cancellations in place of a response
     */
    public record Responses(int index, Counter computeInfer, Counter computeOutput, Counter success, Counter fail,
            Counter emptyResponse, Counter cancel) {
        static Responses of(int index, ResponseStatistics statistics) {
            return new Responses(index, Counter.of(statistics.computeInfer()), Counter.of(statistics.computeOutput()),
                    Counter.of(statistics.success()), Counter.of(statistics.fail()), Counter.of(statistics.empty()),
                    Counter.of(statistics.cancel()));
        }
    }

    /**
     * Executions of one number of rows.
     *
     * @param size the number
     * @param computeInput the time for inputs
     * @param computeInfer the time of the computation
     * @param computeOutput the time for outputs
     */
    public record Batch(long size, Counter computeInput, Counter computeInfer, Counter computeOutput) {
    }
}

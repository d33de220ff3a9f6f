package dev.nereid.engine.stats;

import dev.nereid.backend.api.config.HistogramBuckets;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * What one model version has done since it was loaded. Threads: any; recording takes no lock.
 *
 * <p>Names and rules are those of the statistics extension of the protocol.
 */
public final class ModelStatistics {
    /** A request may have any number of responses, and what is kept of them must not grow with it. */
    private static final int MAX_RESPONSE_INDEX = 10_000;

    private final DurationCounter success = new DurationCounter();
    private final DurationCounter queue = new DurationCounter();
    private final DurationCounter computeInput = new DurationCounter();
    private final DurationCounter computeInfer = new DurationCounter();
    private final DurationCounter computeOutput = new DurationCounter();
    private final DurationCounter cacheHit = new DurationCounter();
    private final DurationCounter cacheMiss = new DurationCounter();
    private final Map<FailureReason, DurationCounter> failures;
    private final LongAdder inferences = new LongAdder();
    private final LongAdder executions = new LongAdder();
    private final LongAdder pending = new LongAdder();
    private final ConcurrentHashMap<Integer, ResponseStatistics> responses = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Integer, BatchCounter> batches = new ConcurrentHashMap<>();
    private final Map<LatencyHistogram, Histogram> histograms = new EnumMap<>(LatencyHistogram.class);
    private final @Nullable LatencyDistribution distribution;
    /** Empty where none are kept. */
    private final Map<LatencySummary, Summary> summaries = new EnumMap<>(LatencySummary.class);
    private final RequestRate rate = new RequestRate();
    private volatile long lastInferenceMillis;

    /** Creates counters that are all zero, and histograms with their default bounds. */
    public ModelStatistics() {
        this(List.of(), false);
    }

    /**
     * Creates counters that are all zero, and histograms with the bounds that a model's configuration sets.
     *
     * @param keepsSummaries whether quantiles are kept, too
     */
    public ModelStatistics(List<HistogramBuckets> bounds, boolean keepsSummaries) {
        this(bounds, keepsSummaries, false);
    }

    /**
     * Creates counters that are all zero, and histograms with the bounds that a model's configuration sets.
     *
     * @param keepsSummaries whether quantiles are kept, too
     * @param keepsDistribution whether a fine distribution of the latencies is, from which those of any time can be told
     */
    public ModelStatistics(List<HistogramBuckets> bounds, boolean keepsSummaries, boolean keepsDistribution) {
        distribution = keepsDistribution ? new LatencyDistribution() : null;
        if (keepsSummaries) {
            for (LatencySummary kind : LatencySummary.values()) {
                summaries.put(kind, new Summary(System::nanoTime));
            }
        }
        for (LatencyHistogram kind : LatencyHistogram.values()) {
            List<Double> own = bounds.stream().filter(each -> each.family().equals(kind.family())).findFirst()
                    .map(HistogramBuckets::buckets).orElse(kind.defaultBounds());
            histograms.put(kind, new Histogram(own, kind.nanosPerUnit()));
        }
        Map<FailureReason, DurationCounter> counters = new EnumMap<>(FailureReason.class);
        for (FailureReason reason : FailureReason.values()) {
            counters.put(reason, new DurationCounter());
        }
        failures = Collections.unmodifiableMap(counters);
    }

    /**
     * Records a request that has its answer.
     *
     * @param endNanos when the backend was done with it
     * @param times of the execution that the request was a part of
     */
    public void record(RequestRecord request, long endNanos, BatchTimes times) {
        long requestNanos = endNanos - request.startNanos();
        FailureReason failure = request.failure();
        if (failure != null) {
            failures(failure).add(requestNanos);
            return;
        }
        // The only response of most requests leaves when the batch is done; that is when it is there for a client.
        long first = request.responseCount() <= 1 ? requestNanos : request.firstResponseNanos() - request.startNanos();
        recordSuccess(request.batchSize(), requestNanos, times.computeStart() - request.queuedNanos(), times);
        if (request.responseCount() > 0) {
            histogram(LatencyHistogram.FIRST_RESPONSE).add(first);
        }
    }

    /** Records one successful request, apart from its responses. */
    void recordSuccess(int batchSize, long requestNanos, long queueNanos, BatchTimes times) {
        success.add(requestNanos);
        queue.add(queueNanos);
        computeInput.add(times.inputNanos());
        computeInfer.add(times.inferNanos());
        computeOutput.add(times.outputNanos());
        inferences.add(Math.max(1, batchSize));
        histogram(LatencyHistogram.REQUEST).add(requestNanos);
        distribute(requestNanos);
        histogram(LatencyHistogram.QUEUE).add(queueNanos);
        histogram(LatencyHistogram.COMPUTE_INPUT).add(times.inputNanos());
        histogram(LatencyHistogram.COMPUTE_INFER).add(times.inferNanos());
        histogram(LatencyHistogram.COMPUTE_OUTPUT).add(times.outputNanos());
        if (!summaries.isEmpty()) {
            summarize(LatencySummary.REQUEST, requestNanos);
            summarize(LatencySummary.QUEUE, queueNanos);
            summarize(LatencySummary.COMPUTE_INPUT, times.inputNanos());
            summarize(LatencySummary.COMPUTE_INFER, times.inferNanos());
            summarize(LatencySummary.COMPUTE_OUTPUT, times.outputNanos());
        }
    }

    private void distribute(long requestNanos) {
        if (distribution != null) {
            distribution.add(requestNanos);
        }
    }

    private void summarize(LatencySummary kind, long nanos) {
        Summary summary = summaries.get(kind);
        if (summary != null) {
            summary.add(nanos);
        }
    }

    /** Records a request that was answered from the response cache. */
    public void recordCacheHit(long requestNanos, long lookupNanos) {
        success.add(requestNanos);
        queue.add(0);
        cacheHit.add(lookupNanos);
        histogram(LatencyHistogram.REQUEST).add(requestNanos);
        distribute(requestNanos);
        histogram(LatencyHistogram.QUEUE).add(0);
        summarize(LatencySummary.REQUEST, requestNanos);
        summarize(LatencySummary.QUEUE, 0);
        summarize(LatencySummary.CACHE_HIT, lookupNanos);
    }

    /** Records that the response cache did not hold a request, and how long looking and keeping its answer took. */
    public void recordCacheMiss(long nanos) {
        cacheMiss.add(nanos);
        summarize(LatencySummary.CACHE_MISS, nanos);
    }

    /** Records a response of a decoupled model. */
    public void recordResponse(int index, long inferNanos, long outputNanos) {
        responses(index).recordSuccess(inferNanos, outputNanos);
    }

    /** Records what ended a request of a decoupled model in place of a response. */
    public void recordLastResponse(int index, @Nullable FailureReason failure, long nanos) {
        ResponseStatistics statistics = responses(index);
        switch (failure) {
            case null -> statistics.recordEmpty(nanos);
            case CANCELED -> statistics.recordCancel(nanos);
            case REJECTED, BACKEND, OTHER -> statistics.recordFailure(nanos);
        }
    }

    private ResponseStatistics responses(int index) {
        Integer key = Math.min(index, MAX_RESPONSE_INDEX);
        ResponseStatistics known = responses.get(key);
        return known == null ? responses.computeIfAbsent(key, ignored -> new ResponseStatistics()) : known;
    }

    /**
     * Returns what the responses of each index have taken, ascending; empty for a model that is not decoupled. All beyond
     * the {@value #MAX_RESPONSE_INDEX}th count as one.
     */
    public Map<Integer, ResponseStatistics> responses() {
        return new TreeMap<>(responses);
    }

    /** Records one failed request. */
    public void recordFailure(FailureReason reason, long requestNanos) {
        failures(reason).add(requestNanos);
    }

    /** Records one execution of that many rows. */
    public void recordBatch(int rows, BatchTimes times, long wallMillis) {
        executions.increment();
        lastInferenceMillis = wallMillis;
        BatchCounter counter = batches.get(rows);
        if (counter == null) {
            counter = batches.computeIfAbsent(rows, ignored -> new BatchCounter());
        }
        counter.input.add(times.inputNanos());
        counter.infer.add(times.inferNanos());
        counter.output.add(times.outputNanos());
    }

    /** Counts a request that starts waiting (1) or no longer waits (-1). */
    public void addPending(int change) {
        pending.add(change);
    }

    /** Returns a histogram of the successful requests. */
    public Histogram histogram(LatencyHistogram kind) {
        return Objects.requireNonNull(histograms.get(kind));
    }

    /** Returns a summary of the successful requests; empty where none are kept. */
    public Optional<Summary> summary(LatencySummary kind) {
        return Optional.ofNullable(summaries.get(kind));
    }

    /** Returns the distribution of the latencies of successful requests; empty where none is kept. */
    public Optional<LatencyDistribution> distribution() {
        return Optional.ofNullable(distribution);
    }

    /** Returns successful requests. */
    public DurationCounter success() {
        return success;
    }

    /** Returns failed requests of that reason. */
    public DurationCounter failures(FailureReason reason) {
        return Objects.requireNonNull(failures.get(reason));
    }

    /** Returns the time that successful requests waited. */
    public DurationCounter queue() {
        return queue;
    }

    /** Returns the time that inputs took to gather. */
    public DurationCounter computeInput() {
        return computeInput;
    }

    /** Returns the time that the computation took. */
    public DurationCounter computeInfer() {
        return computeInfer;
    }

    /** Returns the time that outputs took to write. */
    public DurationCounter computeOutput() {
        return computeOutput;
    }

    /** Returns requests answered from the response cache. */
    public DurationCounter cacheHit() {
        return cacheHit;
    }

    /** Returns requests that the response cache did not hold. */
    public DurationCounter cacheMiss() {
        return cacheMiss;
    }

    /** Returns the number of rows of successful requests. */
    public long inferenceCount() {
        return inferences.sum();
    }

    /** Returns the number of executions. */
    public long executionCount() {
        return executions.sum();
    }

    /** Returns the number of requests that wait for an instance now. */
    public long pendingCount() {
        return pending.sum();
    }

    /**
     * Returns how many requests have ended in a second lately, successful or not; 0 in the first second that it is asked for.
     *
     * @param nowNanos of a monotonic clock
     */
    public double requestsPerSecond(long nowNanos) {
        long ended = success.count();
        for (DurationCounter failed : failures.values()) {
            ended += failed.count();
        }
        return rate.perSecond(nowNanos, ended);
    }

    /** Returns the time of the last execution in milliseconds since the epoch; 0 when there was none. */
    public long lastInferenceMillis() {
        return lastInferenceMillis;
    }

    /** Returns the executions by number of rows, ascending. */
    public Map<Integer, BatchCounter> batches() {
        return new TreeMap<>(batches);
    }

    /** Executions of one batch size. */
    public static final class BatchCounter {
        private final DurationCounter input = new DurationCounter();
        private final DurationCounter infer = new DurationCounter();
        private final DurationCounter output = new DurationCounter();

        /** Returns the time that inputs took to gather. */
        public DurationCounter input() {
            return input;
        }

        /** Returns the time that the computation took. */
        public DurationCounter infer() {
            return infer;
        }

        /** Returns the time that outputs took to write. */
        public DurationCounter output() {
            return output;
        }
    }
}

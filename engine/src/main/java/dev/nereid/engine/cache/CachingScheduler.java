package dev.nereid.engine.cache;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.Response;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.Scheduler;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers requests of one model version from the cache, and has the others executed, whose answers it keeps: those only that
 * succeeded. With single flight, requests that equal one which is on its way wait for its answer; where that fails, each is
 * executed for itself.
 *
 * <p>Threads: any. The monitor of a flight guards who waits for it and is held for moments only.
 */
public final class CachingScheduler implements Scheduler {
    private static final Logger LOGGER = System.getLogger(CachingScheduler.class.getName());
    private static final AtomicLong LOADS = new AtomicLong();

    private final Scheduler inner;
    private final ResponseCache cache;
    private final ModelConfig config;
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final boolean isSingleFlight;
    private final boolean keepsOrder;
    /** Tells this load of the model from all others: a model that was loaded again may answer differently. */
    private final long load = LOADS.incrementAndGet();
    private final ConcurrentMap<CacheKey, Flight> flights = new ConcurrentHashMap<>();

    /**
     * Puts a cache before a scheduler.
     *
     * @param inner executes what the cache does not have
     * @param config of a model that is not decoupled
     * @param clock nanoseconds of a monotonic clock
     * @param isSingleFlight whether equal requests at the same time are executed once
     */
    public CachingScheduler(Scheduler inner, ResponseCache cache, ModelConfig config, ModelStatistics statistics,
            LongSupplier clock, boolean isSingleFlight) {
        this.inner = inner;
        this.cache = cache;
        this.config = config;
        this.statistics = statistics;
        this.clock = clock;
        this.isSingleFlight = isSingleFlight;
        this.keepsOrder = config.scheduling() instanceof Scheduling.DynamicBatching batching
                && batching.preserveOrdering();
    }

    @Override
    public void submit(ActiveRequest request) {
        long start = clock.getAsLong();
        CacheKey key = CacheKey.of(request, config, load);
        while (true) {
            // An answer from the cache must not overtake those of requests before it.
            Optional<ResponseCache.Entry> hit = keepsOrder && inner.inFlight() > 0 ? Optional.empty() : cache.get(key);
            long lookupNanos = clock.getAsLong() - start;
            if (hit.isPresent()) {
                request.queuedAt(start);
                answer(request, hit.get(), lookupNanos);
                hit.get().release();
                return;
            }
            if (!isSingleFlight || keepsOrder) {
                execute(request, new Miss(key, lookupNanos, null));
                return;
            }
            Flight flight = new Flight();
            Flight other = flights.putIfAbsent(key, flight);
            if (other == null) {
                execute(request, new Miss(key, lookupNanos, flight));
                return;
            }
            request.queuedAt(start);
            if (other.join(request, start)) {
                request.onCancel(each -> giveUp(other, each));
                if (request.isCancelled()) {
                    giveUp(other, request);
                }
                return;
            }
        }
    }

    private void execute(ActiveRequest request, Miss miss) {
        request.observedBy(miss);
        try {
            inner.submit(request);
        } catch (InferenceException e) {
            miss.land(null);
            throw e;
        }
    }

    /** Answers with outputs of the cache, which stay in use until the client has read them. */
    private void answer(ActiveRequest request, ResponseCache.Entry entry, long lookupNanos) {
        request.answeredElsewhere(clock, answered -> deliverHit(answered, lookupNanos));
        InferenceResponse response = request.newPresentedResponse();
        for (Tensor output : entry.outputs()) {
            entry.retain();
            response.addOutput(output.name(), output.dataType(), output.shape(), output.data(), entry::release);
        }
        response.send();
    }

    private void deliverHit(ActiveRequest request, long lookupNanos) {
        long now = clock.getAsLong();
        statistics.recordCacheHit(now - request.startNanos(), lookupNanos);
        request.deliver();
    }

    private void giveUp(Flight flight, ActiveRequest request) {
        if (flight.leave(request)) {
            fail(request, new InferenceException(StatusCode.CANCELLED, ""), FailureReason.CANCELED);
        }
    }

    private void fail(ActiveRequest request, InferenceException error, FailureReason reason) {
        request.failUnanswered(error, reason);
        statistics.recordFailure(reason, clock.getAsLong() - request.startNanos());
        request.deliver();
    }

    /** A request that is executed, and those that wait for its answer. */
    private final class Miss implements ActiveRequest.AnswerObserver {
        private final CacheKey key;
        private final long lookupNanos;
        private final @Nullable Flight flight;

        Miss(CacheKey key, long lookupNanos, @Nullable Flight flight) {
            this.key = key;
            this.lookupNanos = lookupNanos;
            this.flight = flight;
        }

        @Override
        public void answered(@Nullable Response response, @Nullable InferenceException error) {
            if (response != null && error == null) {
                long start = clock.getAsLong();
                keep(response);
                statistics.cacheMiss().add(lookupNanos + clock.getAsLong() - start);
            }
            land(error == null ? response : null);
        }

        private void keep(Response response) {
            for (Tensor output : response.outputs()) {
                if (output.byteSize() == 0 || output.placement().kind() == Placement.Kind.GPU) {
                    return;
                }
            }
            try {
                if (!cache.put(key, response.outputs())) {
                    LOGGER.log(Level.DEBUG,
                            () -> "a response of model '" + config.name() + "' is too large to be cached");
                }
            } catch (RuntimeException e) {
                LOGGER.log(Level.WARNING, "a response of model '" + config.name() + "' could not be cached", e);
            }
        }

        /** Answers those that wait, or, without an answer for them, has each executed for itself. */
        void land(@Nullable Response response) {
            if (flight == null) {
                return;
            }
            boolean ignored = flights.remove(key, flight);
            for (Waiting each : flight.close()) {
                if (response != null) {
                    share(each, response);
                } else {
                    executeAlone(each.request());
                }
            }
        }

        private void share(Waiting waiting, Response response) {
            ActiveRequest request = waiting.request();
            long waited = clock.getAsLong() - waiting.since();
            request.answeredElsewhere(clock, answered -> deliverHit(answered, waited));
            try {
                InferenceResponse copy = request.newPresentedResponse();
                for (Tensor output : response.outputs()) {
                    copy.copyOutput(output.name(), output.dataType(), output.shape(), output.data());
                }
                copy.send();
            } catch (InferenceException e) {
                request.fail(e, FailureReason.OTHER);
            }
        }

        private void executeAlone(ActiveRequest request) {
            try {
                execute(request, new Miss(key, lookupNanos, null));
            } catch (InferenceException e) {
                fail(request, e, FailureReason.REJECTED);
            }
        }
    }

    /** A request that waits for the answer to an equal one. */
    private record Waiting(ActiveRequest request, long since) {
    }

    /** Those that wait for one execution. */
    private static final class Flight {
        @GuardedBy("this")
        private @Nullable List<Waiting> waiting = new ArrayList<>();

        /** Returns false where the execution has ended. */
        synchronized boolean join(ActiveRequest request, long since) {
            return waiting != null && waiting.add(new Waiting(request, since));
        }

        /** Returns whether the request was still waiting. */
        synchronized boolean leave(ActiveRequest request) {
            return waiting != null && waiting.removeIf(each -> each.request() == request);
        }

        synchronized List<Waiting> close() {
            List<Waiting> all = waiting == null ? List.of() : waiting;
            waiting = null;
            return all;
        }
    }

    @Override
    public void cancel(ActiveRequest request) {
        inner.cancel(request);
    }

    @Override
    public int queueSize() {
        return inner.queueSize();
    }

    @Override
    public int inFlight() {
        return inner.inFlight();
    }

    @Override
    public Optional<String> stall(long limitNanos) {
        return inner.stall(limitNanos);
    }

    @Override
    public void stop() {
        inner.stop();
    }

    @Override
    public void endLate(InferenceException reason) {
        inner.endLate(reason);
    }
}

package dev.nereid.engine.cache;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.cache.ResponseCache;
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
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Answers requests of one model version from the cache, and has the others executed, whose answers it keeps: those only that
 * succeeded. With single flight, requests that equal one which is on its way wait for its answer; where that fails, each is
 * executed for itself.
 *
 * <p>Threads: any. A request that comes on a platform thread, such as the one that serves many gRPC connections, is looked for
 * on a virtual thread of its own where that may take long: in a cache that is not in this process, or with large inputs. A model
 * that keeps the order of its requests then executes it. The monitor of a flight guards who waits for it, that of the scheduler
 * how many look; both are held for moments only.
 */
public final class CachingScheduler implements Scheduler {
    private static final Logger LOGGER = System.getLogger(CachingScheduler.class.getName());
    /** How many bytes of inputs a thread that others wait for may work the key out of: some 100 µs. */
    private static final long MAX_BYTES_HERE = 256 << 10;

    private final Scheduler inner;
    private final ResponseCache cache;
    private final ModelConfig config;
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final boolean isSingleFlight;
    private final boolean keepsOrder;
    private final Supplier<String> identity;
    private final ConcurrentMap<CacheKey, Flight> flights = new ConcurrentHashMap<>();
    /** How many flights have ended. */
    private final AtomicLong landings = new AtomicLong();
    /** Requests that are looked for on threads of their own. */
    @GuardedBy("this")
    private int lookups;
    @GuardedBy("this")
    private boolean isStopping;

    /**
     * Puts a cache before a scheduler.
     *
     * @param inner executes what the cache does not have
     * @param config of a model that is not decoupled
     * @param identity tells the model, as it was loaded, from all others; that of an ensemble changes with its models
     * @param clock nanoseconds of a monotonic clock
     * @param isSingleFlight whether equal requests at the same time are executed once
     */
    public CachingScheduler(Scheduler inner, ResponseCache cache, ModelConfig config, Supplier<String> identity,
            ModelStatistics statistics, LongSupplier clock, boolean isSingleFlight) {
        this.inner = inner;
        this.cache = cache;
        this.config = config;
        this.identity = identity;
        this.statistics = statistics;
        this.clock = clock;
        this.isSingleFlight = isSingleFlight;
        this.keepsOrder = config.scheduling() instanceof Scheduling.DynamicBatching batching
                && batching.preserveOrdering();
    }

    @Override
    public void submit(ActiveRequest request) {
        if (!isInHostMemory(request.inputs())) {
            inner.submit(request);
            return;
        }
        if (Thread.currentThread().isVirtual()
                || (!cache.isShared() && bytes(request.inputs()) <= MAX_BYTES_HERE)) {
            find(request);
        } else if (keepsOrder) {
            inner.submit(request);
        } else {
            findElsewhere(request);
        }
    }

    private static long bytes(List<Tensor> tensors) {
        long sum = 0;
        for (Tensor tensor : tensors) {
            sum += tensor.byteSize();
        }
        return sum;
    }

    private void findElsewhere(ActiveRequest request) {
        synchronized (this) {
            if (isStopping) {
                throw new InferenceException(StatusCode.UNAVAILABLE, RequestIds.prefix(request)
                        + "Server is stopping, scheduler for model has stopped accepting new inference requests");
            }
            lookups++;
        }
        Thread ignored = Thread.ofVirtual().name("nereid-cache-" + config.name()).start(() -> {
            try {
                find(request);
            } catch (InferenceException e) {
                fail(request, e, FailureReason.REJECTED);
            } catch (RuntimeException | Error e) {
                // Nobody else is left who could tell the client.
                LOGGER.log(Level.ERROR, "a request to model '" + config.name() + "' could not be looked for", e);
                if (!request.isAnswered()) {
                    fail(request, InferenceException.internal("the request to model '" + config.name()
                            + "' could not be looked for in the response cache; the server's log has the details"),
                            FailureReason.OTHER);
                }
            } finally {
                synchronized (this) {
                    lookups--;
                    notifyAll();
                }
            }
        });
    }

    private void find(ActiveRequest request) {
        long start = clock.getAsLong();
        String model = identity.get();
        CacheKey key = RequestKey.of(request, config, model);
        while (true) {
            long landed = landings.get();
            // An answer from the cache must not overtake those of requests before it.
            Optional<ResponseCache.Entry> hit = keepsOrder && inner.inFlight() > 0 ? Optional.empty() : cache.get(key);
            long lookupNanos = clock.getAsLong() - start;
            if (hit.isPresent()) {
                request.queuedAt(start);
                try {
                    answer(request, hit.get(), lookupNanos);
                } finally {
                    hit.get().release();
                }
                return;
            }
            if (!isSingleFlight || keepsOrder) {
                execute(request, new Miss(model, key, lookupNanos, null));
                return;
            }
            Flight flight = new Flight();
            Flight other = flights.putIfAbsent(key, flight);
            if (other == null) {
                Miss miss = new Miss(model, key, lookupNanos, flight);
                if (landed == landings.get() || !isAnsweredMeanwhile(request, miss, start)) {
                    execute(request, miss);
                }
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

    /** Looks once more, since an equal request may have been answered between the look into the cache and the flight's start. */
    private boolean isAnsweredMeanwhile(ActiveRequest request, Miss miss, long start) {
        Optional<ResponseCache.Entry> hit = cache.get(miss.key);
        if (hit.isEmpty()) {
            return false;
        }
        try {
            request.queuedAt(start);
            answer(request, hit.get(), clock.getAsLong() - start);
        } finally {
            hit.get().release();
            miss.land(null);
        }
        return true;
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

    private static boolean isInHostMemory(List<Tensor> tensors) {
        for (Tensor tensor : tensors) {
            if (tensor.placement().kind() == Placement.Kind.GPU) {
                return false;
            }
        }
        return true;
    }

    /** Answers with outputs of the cache, which stay in use until the client has read them. */
    private void answer(ActiveRequest request, ResponseCache.Entry entry, long lookupNanos) {
        request.answeredElsewhere(clock, answered -> deliverHit(answered, lookupNanos));
        try {
            InferenceResponse response = request.newPresentedResponse();
            for (Tensor output : entry.outputs()) {
                if (output.data().isNative()) {
                    entry.retain();
                    response.addOutput(output.name(), output.dataType(), output.shape(), output.data(),
                            entry::release);
                } else {
                    response.copyOutput(output.name(), output.dataType(), output.shape(), output.data());
                }
            }
            response.send();
        } catch (InferenceException e) {
            // There is no memory for the copy.
            request.fail(e, FailureReason.OTHER);
        }
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
        private final String model;
        private final CacheKey key;
        private final long lookupNanos;
        private final @Nullable Flight flight;

        Miss(String model, CacheKey key, long lookupNanos, @Nullable Flight flight) {
            this.model = model;
            this.key = key;
            this.lookupNanos = lookupNanos;
            this.flight = flight;
        }

        @Override
        public void answered(@Nullable Response response, @Nullable InferenceException error) {
            long start = clock.getAsLong();
            if (response != null && error == null) {
                keep(response);
            }
            statistics.recordCacheMiss(lookupNanos + clock.getAsLong() - start);
            land(error == null ? response : null);
        }

        private void keep(Response response) {
            if (response.outputs().isEmpty() || !isInHostMemory(response.outputs())
                    || response.outputs().stream().anyMatch(output -> output.byteSize() == 0)) {
                return;
            }
            // A model of an ensemble that was loaded anew meanwhile may have answered already, and another key is its own.
            if (!identity.get().equals(model)) {
                return;
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
            // Before the next one may begin, which looks at it.
            landings.incrementAndGet();
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
                execute(request, new Miss(model, key, lookupNanos, null));
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
        int looking;
        synchronized (this) {
            looking = lookups;
        }
        return inner.inFlight() + looking;
    }

    @Override
    public Optional<String> stall(long limitNanos) {
        return inner.stall(limitNanos);
    }

    @Override
    public void stop() {
        boolean interrupted = false;
        synchronized (this) {
            isStopping = true;
            while (lookups > 0) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        inner.stop();
    }

    @Override
    public void endLate(InferenceException reason) {
        inner.endLate(reason);
    }
}

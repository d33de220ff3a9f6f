package dev.nereid.server.scheduler;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.server.stats.BatchTimes;
import dev.nereid.server.stats.FailureReason;
import dev.nereid.server.stats.ModelStatistics;
import dev.nereid.server.trace.RequestTrace;
import dev.nereid.server.trace.TracePoint;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Brings together the waiting requests and the free instances of one model version.
 *
 * <p>One lock guards the queue and the list of free instances; it is held for queue operations only, never while a
 * backend runs. Whenever a request arrives or an instance becomes free, the queue is asked for a batch, so a batch is
 * formed when an instance is free and not before. Which thread then executes it: the instance's own, or, where the
 * instance prefers it, the waiting thread of one of the batch's requests, which has to be woken anyway.
 */
public final class Dispatcher {
    private static final Logger LOGGER = System.getLogger(Dispatcher.class.getName());

    private final String modelName;
    private final RequestQueue queue;
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final InstantSource wallClock;
    private final Wakeups.Alarm alarm;
    private final @Nullable DeliveryOrder order;

    private final ReentrantLock dispatchLock = new ReentrantLock();
    private final Condition progress = dispatchLock.newCondition();
    private final ArrayDeque<Instance> free = new ArrayDeque<>();
    private final List<Instance> instances = new ArrayList<>();
    private final List<Instance> retiring = new ArrayList<>();
    private volatile boolean isStopping;
    /** Requests that are done with queue and instance, but whose answer has not left yet. */
    private final AtomicInteger answering = new AtomicInteger();

    /**
     * Creates a dispatcher without instances.
     *
     * @param clock nanoseconds of a monotonic clock
     * @param wallClock the time of day, for statistics
     * @param wakeups wakes the dispatcher when a queued request is due
     * @param keepsOrder whether answers leave in the order of the requests
     */
    Dispatcher(String modelName, RequestQueue queue, ModelStatistics statistics, LongSupplier clock,
            InstantSource wallClock, Wakeups wakeups, boolean keepsOrder) {
        this.modelName = modelName;
        this.queue = queue;
        this.statistics = statistics;
        this.clock = clock;
        this.wallClock = wallClock;
        this.alarm = wakeups.alarm(() -> review(true));
        this.order = keepsOrder ? new DeliveryOrder() : null;
    }

    /** Puts an instance into service. */
    public void add(Instance instance) {
        List<Assignment> work;
        List<Dropped> dropped = new ArrayList<>(0);
        dispatchLock.lock();
        try {
            instances.add(instance);
            free.addLast(instance);
            work = match(clock.getAsLong(), dropped);
        } finally {
            dispatchLock.unlock();
        }
        deliver(dropped);
        dispatch(work);
    }

    /**
     * Takes an instance out of service and waits until it is no longer executing. The caller then closes it. Returns
     * false, and does nothing, where {@link #stop()} has returned it already.
     */
    public boolean remove(Instance instance) {
        dispatchLock.lock();
        try {
            if (!instances.remove(instance)) {
                return false;
            }
            if (!free.remove(instance)) {
                retiring.add(instance);
                while (retiring.contains(instance)) {
                    progress.awaitUninterruptibly();
                }
            }
            setAlarm();
            return true;
        } finally {
            dispatchLock.unlock();
        }
    }

    /** Returns the instances in service. */
    public List<Instance> instances() {
        dispatchLock.lock();
        try {
            return List.copyOf(instances);
        } finally {
            dispatchLock.unlock();
        }
    }

    /**
     * Takes a request; its sink gets the answer, from any thread, possibly before this returns.
     *
     * @throws InferenceException UNAVAILABLE when the queue is full or the model is being unloaded; the sink gets
     *     nothing then
     */
    public void submit(EngineRequest request) {
        List<Assignment> work;
        List<Dropped> dropped = new ArrayList<>(0);
        dispatchLock.lock();
        try {
            if (isStopping) {
                throw stopping(request);
            }
            long now = clock.getAsLong();
            request.queuedAt(now);
            queue.offer(request, now);
            if (order != null) {
                order.arrived(request);
            }
            statistics.addPending(1);
            work = match(now, dropped);
        } catch (InferenceException e) {
            statistics.recordFailure(FailureReason.OTHER, clock.getAsLong() - request.startNanos());
            throw e;
        } finally {
            dispatchLock.unlock();
        }
        deliver(dropped);
        dispatch(work);
    }

    /** Drops a waiting request whose client has gone; one that is being executed is left to its backend. */
    public void cancel(EngineRequest request) {
        request.cancel();
        review(false);
    }

    /** Returns how many requests wait. */
    public int queueSize() {
        dispatchLock.lock();
        try {
            return queue.size();
        } finally {
            dispatchLock.unlock();
        }
    }

    /** Refuses further requests, waits until all that were taken are answered, and returns the idle instances. */
    public List<Instance> stop() {
        List<Assignment> work;
        List<Dropped> dropped = new ArrayList<>(0);
        dispatchLock.lock();
        try {
            isStopping = true;
            queue.endArrivals();
            work = match(clock.getAsLong(), dropped);
        } finally {
            dispatchLock.unlock();
        }
        deliver(dropped);
        dispatch(work);
        List<Dropped> left = new ArrayList<>(0);
        List<Instance> idle;
        dispatchLock.lock();
        try {
            while (isBusy()) {
                progress.awaitUninterruptibly();
            }
            // Only where there is no instance.
            for (EngineRequest request : queue.drain()) {
                drop(request, stopping(request), FailureReason.OTHER, left);
            }
            idle = List.copyOf(instances);
            instances.clear();
            free.clear();
            alarm.set(RequestQueue.NEVER);
        } finally {
            dispatchLock.unlock();
        }
        deliver(left);
        return idle;
    }

    private boolean isBusy() {
        return free.size() < instances.size() || !retiring.isEmpty() || answering.get() > 0
                || (queue.size() > 0 && !instances.isEmpty());
    }

    private static InferenceException stopping(EngineRequest request) {
        return new InferenceException(StatusCode.UNAVAILABLE, RequestIds.prefix(request)
                + "Server is stopping, scheduler for model has stopped accepting new inference requests");
    }

    /** Looks at the queue again: its next event is due, or a request was cancelled. */
    private void review(boolean alarmRang) {
        List<Assignment> work;
        List<Dropped> dropped = new ArrayList<>(0);
        dispatchLock.lock();
        try {
            if (alarmRang) {
                alarm.rang();
            }
            long now = clock.getAsLong();
            queue.expire(now, dropInto(dropped));
            work = match(now, dropped);
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
        deliver(dropped);
        dispatch(work);
    }

    /** Takes batches for the free instances, until there are none of the one or the other. Lock held. */
    private List<Assignment> match(long now, List<Dropped> dropped) {
        List<Assignment> work = List.of();
        for (Instance instance = free.peekFirst(); instance != null; instance = free.peekFirst()) {
            Assignment next = next(instance, now, dropped);
            if (next == null) {
                break;
            }
            free.removeFirst();
            if (work.isEmpty()) {
                work = List.of(next);
            } else {
                work = new ArrayList<>(work);
                work.add(next);
            }
        }
        setAlarm();
        return work;
    }

    private @Nullable Assignment next(Instance instance, long now, List<Dropped> dropped) {
        List<EngineRequest> requests = queue.poll(now, dropInto(dropped));
        if (requests.isEmpty()) {
            return null;
        }
        statistics.addPending(-requests.size());
        return new Assignment(this, new ExecutionBatch(requests, clock), instance);
    }

    private void setAlarm() {
        alarm.set(queue.nextEvent(!free.isEmpty()));
    }

    private BiConsumer<EngineRequest, InferenceException> dropInto(List<Dropped> dropped) {
        return (request, error) -> drop(request, error,
                error.code() == StatusCode.CANCELLED ? FailureReason.CANCELED : FailureReason.REJECTED, dropped);
    }

    /** Lock held. */
    private void drop(EngineRequest request, InferenceException error, FailureReason reason, List<Dropped> dropped) {
        answering.incrementAndGet();
        dropped.add(new Dropped(request, error, reason));
    }

    private void dispatch(List<Assignment> work) {
        work.forEach(this::dispatch);
    }

    /** Brings a batch to the thread that is to execute it. */
    private void dispatch(Assignment work) {
        if (work.instance().prefersRequestThread()) {
            for (EngineRequest request : work.batch().engineRequests()) {
                if (request.lendsThread()) {
                    request.assign(work);
                    return;
                }
            }
        }
        work.instance().handOff(work);
    }

    /** Executes a batch on the current thread, and on an instance's own thread also what comes next. */
    void execute(Assignment first) {
        Assignment work = first;
        while (work != null) {
            Instance instance = work.instance();
            executeOnce(work.batch(), instance);
            Assignment next = release(instance, work.batch().engineRequests().size());
            if (next != null && !(instance.isOwnThread() && !instance.prefersRequestThread())) {
                dispatch(next);
                next = null;
            }
            for (EngineRequest request : work.batch().engineRequests()) {
                answer(request);
            }
            work = next;
        }
    }

    /** Gives the instance its next batch, or puts it back; the requests of its last batch are to be answered now. */
    private @Nullable Assignment release(Instance instance, int answers) {
        List<Dropped> dropped = new ArrayList<>(0);
        Assignment own;
        List<Assignment> others = List.of();
        dispatchLock.lock();
        try {
            answering.addAndGet(answers);
            if (retiring.remove(instance)) {
                progress.signalAll();
                return null;
            }
            long now = clock.getAsLong();
            own = next(instance, now, dropped);
            if (own == null) {
                free.addLast(instance);
                setAlarm();
                if (isStopping) {
                    progress.signalAll();
                }
            } else {
                others = match(now, dropped);
            }
        } finally {
            dispatchLock.unlock();
        }
        deliver(dropped);
        dispatch(others);
        return own;
    }

    private void executeOnce(ExecutionBatch batch, Instance instance) {
        InferenceException failure = new InferenceException(StatusCode.INTERNAL,
                "model '" + modelName + "' did not answer the request");
        batch.start();
        try {
            instance.execute(batch);
        } catch (InferenceException e) {
            failure = e;
        } catch (Throwable e) {
            // The one place that catches everything: around a call into a plugin.
            LOGGER.log(Level.ERROR, "model '" + modelName + "', instance '" + instance.name() + "': execution failed",
                    e);
            failure = new InferenceException(StatusCode.INTERNAL,
                    "model '" + modelName + "' failed to execute the request; the server's log has the details", e);
        }
        BatchTimes times = batch.end();
        instance.noteDuration(times.computeEnd() - times.computeStart());
        boolean succeeded = false;
        for (EngineRequest request : batch.engineRequests()) {
            request.failUnanswered(failure, FailureReason.ofExecution(failure.code()));
            note(times, request.trace());
            FailureReason reason = request.failure();
            long nanos = times.computeEnd() - request.startNanos();
            if (reason == null) {
                succeeded = true;
                statistics.recordSuccess(request.batchSize(), nanos, times.computeStart() - request.queuedNanos(),
                        times);
            } else {
                statistics.recordFailure(reason, nanos);
            }
        }
        if (succeeded) {
            statistics.recordBatch(Math.max(1, batch.rows()), times, wallClock.millis());
        }
    }

    private static void note(BatchTimes times, RequestTrace trace) {
        trace.mark(TracePoint.COMPUTE_START, times.computeStart());
        trace.mark(TracePoint.COMPUTE_INPUT_END, times.inputEnd());
        trace.mark(TracePoint.COMPUTE_OUTPUT_START, times.outputStart());
        trace.mark(TracePoint.COMPUTE_END, times.computeEnd());
    }

    private void answer(EngineRequest request) {
        if (order == null) {
            request.deliver();
        } else {
            order.answered(request);
        }
        if (answering.decrementAndGet() == 0 && isStopping) {
            dispatchLock.lock();
            try {
                progress.signalAll();
            } finally {
                dispatchLock.unlock();
            }
        }
    }

    private void deliver(List<Dropped> dropped) {
        for (Dropped each : dropped) {
            statistics.addPending(-1);
            each.request().failUnanswered(each.error(), each.reason());
            statistics.recordFailure(each.reason(), clock.getAsLong() - each.request().startNanos());
            answer(each.request());
        }
    }

    /** A request that left the queue without being executed. */
    private record Dropped(EngineRequest request, InferenceException error, FailureReason reason) {
    }
}

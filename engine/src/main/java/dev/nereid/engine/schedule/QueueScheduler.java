package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.engine.instance.BatchExecution;
import dev.nereid.engine.instance.ExecutionBatch;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.InstancePool;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.RequestState;
import dev.nereid.engine.request.WaitingListener;
import dev.nereid.engine.schedule.AnswerDelivery.Dropped;
import dev.nereid.engine.stats.BatchTimes;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.System.Logger.Level;
import java.lang.System.Logger;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Brings together the waiting requests and the free instances of one model version.
 *
 * <p>One lock guards the queue and the list of free instances; it is held for queue operations only, never while a
 * backend runs. Whenever a request arrives or an instance becomes free, the queue is asked for a batch, so a batch is
 * formed when an instance is free and not before. Which thread then executes it: the instance's own, or, where the
 * instance prefers it, the waiting thread of one of the batch's requests, which has to be woken anyway.
 */
public final class QueueScheduler implements InstanceScheduler {
    /**
     * So long the thread of a request goes on with short batches of others. To wake another thread for each of them would
     * leave the instance idle until that runs; the client of this one waits for its answer meanwhile.
     */
    static final long LENT_NANOS = 500_000;

    /** Asks nothing of an instance. */
    @SuppressWarnings("UnnecessaryLambda") // one object for all calls
    private static final Predicate<Instance> ANY = instance -> true;
    private static final Logger LOGGER = System.getLogger(QueueScheduler.class.getName());

    private final RequestQueue queue;
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final BatchExecution execution;
    private final Wakeups.Alarm alarm;
    private final AnswerDelivery delivery;
    private final @Nullable RateLimiter limiter;

    private final ReentrantLock dispatchLock = new ReentrantLock();
    private final Condition progress = dispatchLock.newCondition();
    private final InstancePool free;
    private final List<Instance> instances = new ArrayList<>();
    private final List<Instance> retiring = new ArrayList<>();
    /** Requests that left the queue without being executed and are to be told. */
    private final List<Dropped> dropped = new ArrayList<>();
    private final BiConsumer<ActiveRequest, InferenceException> drop = this::drop;
    private volatile boolean isStopping;
    /** Guarded by the lock. */
    private boolean hasStopped;
    /** How many wait for an instance to be needed no more. Guarded by the lock. */
    private int boundRetirements;
    /** Whether requests belong to instances. */
    private final boolean isBound;
    /** How many requests instances execute. Guarded by the lock. */
    private int executing;
    private final LateRequests late = new LateRequests();
    /** How many instances are being taken out of service. */
    private final AtomicInteger removals = new AtomicInteger();
    private final BatchExecution.LateAnswers lateAnswers = (request, instance, times) -> late.add(request, instance,
            answered -> answeredLate(answered, times));
    private final Consumer<ActiveRequest> cancellation = this::cancel;
    private final Consumer<ActiveRequest> repetition = this::checkRepetition;
    /** When requests last left the queue, or began to wait in an empty one. Guarded by the lock. */
    private long lastProgress;
    /** So many requests wait before the first of them is executed; 0 once that has happened. Guarded by the lock. */
    private int firstBatchAt;
    /** So many requests wait beside them that belong to no instance yet. Guarded by the lock. */
    private int firstBacklogAt;

    /**
     * Creates a scheduler without instances.
     *
     * @param maxBatchSize how many rows a batch may have; 0 where the model has no batches
     * @param clock nanoseconds of a monotonic clock
     * @param wallClock the time of day, for statistics
     * @param wakeups wakes the scheduler when a queued request is due
     * @param keepsOrder whether answers leave in the order of the requests
     * @param limiter shares resources with other models; null where every free instance may execute
     */
    QueueScheduler(String modelName, int maxBatchSize, RequestQueue queue, ModelStatistics statistics,
            LongSupplier clock, InstantSource wallClock, Wakeups wakeups, boolean keepsOrder,
            @Nullable RateLimiter limiter) {
        this.queue = queue;
        this.isBound = queue.bindsInstances();
        this.statistics = statistics;
        this.clock = clock;
        this.execution = new BatchExecution(modelName, maxBatchSize, statistics, wallClock);
        this.alarm = wakeups.alarm(() -> review(true));
        this.delivery = new AnswerDelivery(statistics, clock, keepsOrder, isBound, this::signalProgress);
        this.limiter = limiter;
        this.free = new InstancePool(limiter);
    }

    /**
     * Has requests wait until that many do, and so many beside them that belong to no instance yet. For tests that need to
     * know what is executed together.
     */
    void holdUntilQueued(int requests, int backlog) {
        dispatchLock.lock();
        try {
            firstBatchAt = requests;
            firstBacklogAt = backlog;
        } finally {
            dispatchLock.unlock();
        }
    }

    /** Lock held. */
    private boolean isHeld() {
        if (firstBatchAt == 0 && firstBacklogAt == 0) {
            return false;
        }
        int backlog = queue.backlog();
        if (isStopping || (queue.size() - backlog >= firstBatchAt && backlog >= firstBacklogAt)) {
            firstBatchAt = 0;
            firstBacklogAt = 0;
        }
        return firstBatchAt > 0 || firstBacklogAt > 0;
    }

    @Override
    public void add(Instance instance) {
        RateLimiter.Claim claim = instance.claim();
        if (claim != null) {
            claim.onTurn(this::takeTurn);
        }
        Decision decision;
        dispatchLock.lock();
        try {
            long now = clock.getAsLong();
            instances.add(instance);
            queue.added(instance, now, drop);
            free.add(instance);
            decision = decide(now);
        } finally {
            dispatchLock.unlock();
        }
        act(decision);
    }

    @Override
    public boolean remove(Instance instance) {
        dispatchLock.lock();
        try {
            queue.retires(instance);
            // What belongs to the instance ends there.
            boundRetirements++;
            while (instances.contains(instance) && queue.needs(instance)) {
                progress.awaitUninterruptibly();
            }
            boundRetirements--;
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
            removals.incrementAndGet();
            while (late.hasOneOf(instance)) {
                progress.awaitUninterruptibly();
            }
            removals.decrementAndGet();
        } finally {
            dispatchLock.unlock();
        }
        wakeOthers();
        return true;
    }

    @Override
    public List<Instance> instances() {
        dispatchLock.lock();
        try {
            return List.copyOf(instances);
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public int busyInstances() {
        dispatchLock.lock();
        try {
            return Math.max(0, instances.size() - free.size());
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public void submit(ActiveRequest request) {
        Decision decision;
        List<String> warnings;
        dispatchLock.lock();
        try {
            if (isStopping && (!isBound || hasStopped)) {
                throw stopping(request);
            }
            long now = clock.getAsLong();
            request.onCancel(cancellation);
            if (queue.isIterative()) {
                request.mayBeExecutedAgain(repetition);
            }
            request.queuedAt(now);
            if (queue.size() == 0) {
                lastProgress = now;
            }
            queue.offer(request, now, drop);
            delivery.queued(request);
            statistics.addPending(1);
            decision = decide(now);
            warnings = queue.takeWarnings();
        } catch (InferenceException e) {
            if (!isBound) {
                statistics.recordFailure(FailureReason.OTHER, clock.getAsLong() - request.startNanos());
            }
            throw e;
        } finally {
            dispatchLock.unlock();
        }
        warnings.forEach(warning -> LOGGER.log(Level.WARNING, warning));
        act(decision);
    }

    @Override
    public void cancel(ActiveRequest request) {
        if (request.state() == RequestState.QUEUED) {
            review(false);
        }
    }

    @Override
    public boolean hasSequence(CorrelationId id) {
        if (!isBound) {
            return false;
        }
        dispatchLock.lock();
        try {
            return queue.isOpen(id);
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public boolean hasSequences() {
        if (!isBound) {
            return false;
        }
        dispatchLock.lock();
        try {
            return !queue.isFinished();
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public void refuseSequences() {
        dispatchLock.lock();
        try {
            queue.refuseSequences();
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public int queueSize() {
        dispatchLock.lock();
        try {
            return queue.size();
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public int inFlight() {
        dispatchLock.lock();
        try {
            return Math.max(queue.size() + executing + delivery.waiting() + late.size(), queue.running());
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public Optional<String> stall(long limitNanos) {
        try {
            if (!dispatchLock.tryLock(limitNanos, TimeUnit.NANOSECONDS)) {
                return Optional.of("its scheduler does not progress");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
        try {
            if (isStopping) {
                return Optional.empty();
            }
            for (Instance instance : instances) {
                if (!instance.thread().isAlive()) {
                    return Optional.of("the thread of instance '" + instance.name() + "' has ended");
                }
            }
            // With shared resources a free instance may have to wait for its turn.
            long since = clock.getAsLong() - limitNanos;
            long next = queue.nextEvent(true);
            boolean waitsForLonger = next != RequestQueue.NEVER && next > since;
            return limiter == null && !isHeld() && queue.size() > 0 && free.hasIdle(queue::hasWork) && !waitsForLonger
                    && lastProgress < since
                            ? Optional.of("requests wait though an instance is free")
                            : Optional.empty();
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public void endLate(InferenceException reason) {
        late.end(reason);
        if (isBound) {
            endSequences();
        }
    }

    private void endSequences() {
        Decision decision;
        dispatchLock.lock();
        try {
            long now = clock.getAsLong();
            queue.endSequences(now, drop);
            decision = decide(now);
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
        act(decision);
    }

    @Override
    public List<Instance> stopInstances() {
        stop();
        dispatchLock.lock();
        try {
            List<Instance> idle = List.copyOf(instances);
            instances.clear();
            free.clear();
            return idle;
        } finally {
            dispatchLock.unlock();
        }
    }

    @Override
    public void stop() {
        Decision decision;
        dispatchLock.lock();
        try {
            isStopping = true;
            queue.endArrivals();
            decision = decide(clock.getAsLong());
        } finally {
            dispatchLock.unlock();
        }
        act(decision);
        List<Dropped> left;
        dispatchLock.lock();
        try {
            while (isBusy()) {
                progress.awaitUninterruptibly();
            }
            // Only where there is no instance.
            for (ActiveRequest request : queue.drain()) {
                drop(request, stopping(request), FailureReason.OTHER);
            }
            hasStopped = true;
            left = takeDropped();
            alarm.set(RequestQueue.NEVER);
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
        delivery.deliverDropped(left);
    }

    private boolean isBusy() {
        return free.size() < instances.size() || !retiring.isEmpty() || delivery.waiting() > 0 || !late.isEmpty()
                || (!queue.isFinished() && !instances.isEmpty());
    }

    private static InferenceException stopping(ActiveRequest request) {
        return new InferenceException(StatusCode.UNAVAILABLE, RequestIds.prefix(request)
                + "Server is stopping, scheduler for model has stopped accepting new inference requests");
    }

    /** Looks at the queue again: its next event is due, or a request was cancelled. */
    private void review(boolean alarmRang) {
        Decision decision;
        dispatchLock.lock();
        try {
            if (alarmRang) {
                alarm.rang();
            }
            long now = clock.getAsLong();
            queue.expire(now, drop);
            decision = decide(now);
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
        act(decision);
    }

    /** It is the turn of one of the instances to have its resources. */
    private void takeTurn() {
        Decision decision;
        dispatchLock.lock();
        try {
            decision = decide(clock.getAsLong());
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
        doWithoutWaking(decision);
    }

    /** What was decided under the lock, to be done without it. */
    private record Decision(List<Dropped> dropped, List<Assignment> work) {
    }

    /** Takes batches for the free instances. Lock held. */
    private Decision decide(long now) {
        List<Assignment> work = match(now);
        return new Decision(takeDropped(), work);
    }

    private void act(Decision decision) {
        doWithoutWaking(decision);
        wakeOthers();
    }

    private void doWithoutWaking(Decision decision) {
        delivery.deliverDropped(decision.dropped());
        List<Assignment> work = decision.work();
        for (int i = 0; i < work.size(); i++) {
            dispatch(work.get(i));
        }
    }

    private void wakeOthers() {
        if (limiter != null) {
            limiter.wake();
        }
    }

    /** Takes batches for the free instances, until there are none of the one or the other. Lock held. */
    private List<Assignment> match(long now) {
        List<Assignment> work = List.of();
        if (isHeld()) {
            setAlarm();
            return work;
        }
        Predicate<Instance> isDue = isBound || limiter != null ? instance -> queue.isDue(instance, now, drop) : ANY;
        for (Instance instance = free.candidate(isDue, isBound); instance != null; instance = free.candidate(isDue,
                isBound)) {
            Assignment next = next(instance, now);
            if (next == null) {
                free.decline(instance);
                break;
            }
            free.take(instance);
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

    private @Nullable Assignment next(Instance instance, long now) {
        List<ActiveRequest> requests = queue.poll(instance, now, drop);
        if (requests.isEmpty()) {
            return null;
        }
        noteTaken(requests);
        lastProgress = now;
        ExecutionBatch batch = new ExecutionBatch(requests, clock);
        executing += batch.requestCount();
        return new Assignment(this, batch, instance);
    }

    /** Notes that requests wait no more, when they are to be executed for the first time. Lock held. */
    private void noteTaken(List<ActiveRequest> requests) {
        int taken = requests.size();
        if (isBound) {
            taken = 0;
            for (int i = 0; i < requests.size(); i++) {
                ActiveRequest request = requests.get(i);
                if (!request.isStandIn() && !request.isRepeated()) {
                    taken++;
                    delivery.executing(request);
                }
            }
        }
        statistics.addPending(-taken);
    }

    private void setAlarm() {
        alarm.set(queue.nextEvent(free.hasIdle() && !isHeld()));
    }

    /** Lock held. */
    private void drop(ActiveRequest request, InferenceException error) {
        drop(request, error,
                error.code() == StatusCode.CANCELLED ? FailureReason.CANCELED : FailureReason.REJECTED);
    }

    /** Lock held. */
    private void drop(ActiveRequest request, InferenceException error, FailureReason reason) {
        delivery.expect(1);
        dropped.add(new Dropped(request, error, reason));
    }

    /** Returns what was dropped since the last call, to be delivered without the lock. Lock held. */
    private List<Dropped> takeDropped() {
        if (dropped.isEmpty()) {
            return List.of();
        }
        List<Dropped> taken = List.copyOf(dropped);
        dropped.clear();
        return taken;
    }

    /** Brings a batch to the thread that is to execute it. */
    private void dispatch(Assignment work) {
        if (work.instance().prefersRequestThread()) {
            List<ActiveRequest> requests = work.batch().engineRequests();
            for (int i = 0; i < requests.size(); i++) {
                WaitingListener lender = requests.get(i).lender();
                if (lender != null && (lender.mayWait() || work.instance().isSteadilyShort()) && lender.assign(work)) {
                    return;
                }
            }
        }
        work.instance().handOff(work);
    }

    /**
     * Executes a batch on the current thread and then what comes next: an instance's own thread always, that of a request
     * for {@link #LENT_NANOS}.
     */
    void execute(Assignment first) {
        Assignment work = first;
        long lentUntil = clock.getAsLong() + LENT_NANOS;
        while (work != null) {
            Instance instance = work.instance();
            List<ActiveRequest> answered = execution.run(work.batch(), instance, lateAnswers);
            Assignment next = release(instance, work.batch(), answered.size(), lentUntil);
            delivery.deliver(answered, next != null);
            work = next;
        }
    }

    /**
     * Puts the instance back and hands out what is due now; the requests of its last batch are to be answered next.
     * Returns what this thread is to execute itself.
     */
    private @Nullable Assignment release(Instance instance, ExecutionBatch executed, int answers, long lentUntil) {
        List<Dropped> gone;
        List<Assignment> work = List.of();
        boolean mayGoOn;
        dispatchLock.lock();
        try {
            executing -= executed.requestCount();
            delivery.expect(answers);
            free.finished(instance);
            long now = clock.getAsLong();
            if (isBound) {
                noteExecuted(executed.engineRequests(), now);
            }
            mayGoOn = now < lentUntil;
            if (retiring.remove(instance)) {
                progress.signalAll();
                if (instance.thread().isShared()) {
                    work = match(now);
                }
            } else {
                work = nextAfter(instance, now);
            }
            gone = takeDropped();
        } finally {
            dispatchLock.unlock();
        }
        delivery.deliverDropped(gone);
        Assignment own = null;
        for (int i = 0; i < work.size(); i++) {
            Assignment each = work.get(i);
            if (own == null && isForThisThread(each.instance(), mayGoOn)) {
                own = each;
            } else {
                dispatch(each);
            }
        }
        wakeOthers();
        return own;
    }

    private static boolean isForThisThread(Instance instance, boolean mayGoOn) {
        return instance.prefersRequestThread() ? mayGoOn && !instance.isOwnThread() : instance.isOwnThread();
    }

    /** Lets what waits for these requests go on, unless their answers are still to come. Lock held. */
    private void noteExecuted(List<ActiveRequest> requests, long now) {
        boolean noneIsLate = late.isEmpty();
        for (int i = 0; i < requests.size(); i++) {
            ActiveRequest request = requests.get(i);
            if (noneIsLate || !late.contains(request)) {
                noteExecuted(request, now);
            }
        }
        signalRetirement();
    }

    /** Lock held. */
    private void noteExecuted(ActiveRequest request, long now) {
        if (request.state() == RequestState.AGAIN) {
            queue.executedAgain(request, now, drop);
        } else {
            queue.executed(request, now, drop);
        }
    }

    /** Called by a backend that wants a request executed again. */
    private void checkRepetition(ActiveRequest request) {
        dispatchLock.lock();
        try {
            queue.mayBeExecutedAgain(request, clock.getAsLong());
        } finally {
            dispatchLock.unlock();
        }
    }

    /** Lock held. */
    private void signalRetirement() {
        if (boundRetirements > 0 || isStopping) {
            progress.signalAll();
        }
    }

    /** Gives the instance its next batch, or puts it back. Lock held. */
    private List<Assignment> nextAfter(Instance instance, long now) {
        if (isStopping) {
            progress.signalAll();
        }
        if (free.choosesAmongAll(instance)) {
            free.add(instance);
            return match(now);
        }
        Assignment own = next(instance, now);
        if (own == null) {
            free.add(instance);
            setAlarm();
            return List.of();
        }
        instance.thread().setBusy(true);
        List<Assignment> others = match(now);
        if (others.isEmpty()) {
            return List.of(own);
        }
        List<Assignment> all = new ArrayList<>(others);
        all.addFirst(own);
        return all;
    }

    private void signalProgress() {
        if (isStopping) {
            signalNow();
        }
    }

    private void signalNow() {
        dispatchLock.lock();
        try {
            progress.signalAll();
        } finally {
            dispatchLock.unlock();
        }
    }

    /** Counts and delivers the answer of a request whose execution has returned before. Called by who answers. */
    private void answeredLate(ActiveRequest request, BatchTimes times) {
        if (request.state() == RequestState.AGAIN) {
            goOnAfter(request);
            if (removals.get() > 0) {
                signalNow();
            }
            return;
        }
        statistics.record(request, clock.getAsLong(), times);
        delivery.expect(1);
        if (isBound) {
            goOnAfter(request);
        } else {
            late.remove(request);
        }
        if (removals.get() > 0) {
            signalNow();
        }
        delivery.deliver(request);
    }

    private void goOnAfter(ActiveRequest answered) {
        Decision decision;
        dispatchLock.lock();
        try {
            long now = clock.getAsLong();
            // With the lock, lest its execution returns in between, and the request is noted twice.
            late.remove(answered);
            noteExecuted(answered, now);
            decision = decide(now);
            signalRetirement();
        } finally {
            dispatchLock.unlock();
        }
        // Whoever answers is no thread of a request's.
        act(decision);
    }
}

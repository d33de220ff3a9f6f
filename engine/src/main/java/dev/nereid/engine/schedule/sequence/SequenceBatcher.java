package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.Strategy.DirectSlots;
import dev.nereid.backend.api.config.Scheduling.Strategy.Oldest;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.repository.config.InitialStates;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.BiPredicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the sequences of a model (scheduling, section 1): admits requests, gives sequences their slots, and says which
 * requests an instance executes together.
 *
 * <p>Used under the scheduler's lock only; decides by the time it is given, never by a clock. A request finds its sequence
 * by one look-up, and a sequence its slot. While an instance executes, the lock is free and other instances go on.
 */
public final class SequenceBatcher {
    private final String model;
    private final SequenceStrategy strategy;
    private final ControlInputs controls;
    private final StateInputs states;
    private final boolean comparesStates;
    private final boolean isIterative;
    private final BiPredicate<ActiveRequest, ActiveRequest> mayJoin;
    private final StandIns standIns;
    private final long idleNanos;
    private final int maxWaiting;

    private final Map<Instance, InstanceSlots> instances = new LinkedHashMap<>();
    private final TreeSet<Slot> freeSlots = new TreeSet<>(Slot::compare);
    /** The sequences that requests join, by id. */
    private final Map<CorrelationId, Sequence> open = new HashMap<>();
    private final LinkedHashSet<Sequence> backlog = new LinkedHashSet<>();
    /** Those in the backlog that may not wait for ever. */
    private final TreeSet<Sequence> expiring = new TreeSet<>(SequenceBatcher::compareExpiry);
    /** The open sequences that have a slot. */
    private final UseOrder byUse = new UseOrder();
    private final List<String> warnings = new ArrayList<>();
    /** What {@link #isDue} has planned, until something changes. */
    private @Nullable BatchPlan duePlan;
    private @Nullable InstanceSlots dueOf;
    private long dueAt;
    private long arrivals;
    /** The last id that was given to a request without one. */
    private long ownIds;
    private int instanceCount;
    private int waiting;
    private int occupied;
    private boolean refusesSequences;
    private boolean hasEnded;

    /**
     * Creates it without instances.
     *
     * @param config complete, with sequence batching
     * @param starts what the model's states hold at the start of a sequence
     * @param mayJoin whether two requests may be executed together as far as their inputs go
     * @param maxWaiting bound on waiting requests
     */
    public SequenceBatcher(ModelConfig config, SequenceBatching batching, List<InitialStates.Start> starts,
            BiPredicate<ActiveRequest, ActiveRequest> mayJoin, int maxWaiting) {
        this.model = config.name();
        this.controls = new ControlInputs(batching.controlInputs(), config.isBatching());
        this.states = new StateInputs(starts, config.isBatching());
        this.comparesStates = batching.states().stream().anyMatch(state -> !state.dims().isFixed());
        this.isIterative = batching.isIterative();
        this.mayJoin = mayJoin;
        this.maxWaiting = maxWaiting;
        this.idleNanos = Times.nanos(batching.maxSequenceIdleMicros());
        this.standIns = new StandIns(config, controls, states);
        this.strategy = switch (batching.strategy()) {
            case DirectSlots direct -> new DirectSlotStrategy(direct, config.maxBatchSize(), this::mayJoin);
            case Oldest oldest -> new OldestStrategy(oldest, config.maxBatchSize(), this::mayJoin);
        };
    }

    private static int compareExpiry(Sequence a, Sequence b) {
        int byTime = Long.compare(a.expiry, b.expiry);
        return byTime != 0 ? byTime : Long.compare(a.number, b.number);
    }

    /** Adds the slots of an instance. */
    public void add(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        InstanceSlots slots = new InstanceSlots(instanceCount, strategy.slotsPerInstance());
        instanceCount++;
        instances.put(instance, slots);
        freeSlots.addAll(slots.slots());
        fillFreeSlots(now, drop);
    }

    /** Gives an instance no more sequences; those that it has go on. */
    public void retire(Instance instance) {
        InstanceSlots slots = instances.get(instance);
        if (slots != null) {
            slots.isRetiring = true;
            freeSlots.removeAll(slots.slots());
            forgetRetired();
        }
    }

    private void forgetRetired() {
        instances.values().removeIf(slots -> slots.isRetiring && slots.used == 0);
    }

    /** Returns whether an instance has sequences, or may get some. */
    public boolean serves(Instance instance) {
        return instances.containsKey(instance);
    }

    /** Returns whether requests with that id and without START are taken. */
    public boolean isOpen(CorrelationId id) {
        return open.containsKey(id);
    }

    /**
     * Takes a request.
     *
     * @throws InferenceException what is wrong with it
     */
    public void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        Sequence sequence = check(request);
        CorrelationId id = request.correlationId();
        if (sequence != null && request.isSequenceStart()) {
            warnings.add("sequence " + id + " for model '" + model + "' has a conflict. The previous sequence did not"
                    + " end before this sequence start. Previous sequence will be terminated early.");
        }
        if (sequence == null) {
            sequence = new Sequence(id, arrivals, controls.ids(id), new SequenceState(states));
            open.put(id, sequence);
            backlog.add(sequence);
        }
        arrivals++;
        sequence.waiting.addLast(request);
        waiting++;
        touch(sequence, now);
        if (request.isSequenceEnd()) {
            close(sequence);
        }
        if (sequence.slot == null) {
            expireInBacklog(sequence, request, now);
            fillFreeSlots(now, drop);
        } else {
            handOver(sequence, now, drop);
        }
    }

    /** Returns the sequence that the request joins; null where it makes one. */
    private @Nullable Sequence check(ActiveRequest request) {
        if (request.batchSize() > 1) {
            throw InferenceException.invalid("inference request to model '" + model
                    + "' must specify batch-size 1 due to requirements of sequence batcher");
        }
        if (!request.correlationId().isPresent()) {
            if (isIterative) {
                request.startsSequence(unusedId());
            } else {
                throw InferenceException.invalid("inference request to model '" + model
                        + "' must specify a non-zero or non-empty correlation ID");
            }
        }
        if (hasEnded || (refusesSequences && request.isSequenceStart())) {
            throw stopping();
        }
        Sequence sequence = open.get(request.correlationId());
        if (sequence == null && !request.isSequenceStart()) {
            throw notStarted(request);
        }
        if (waiting >= maxWaiting) {
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    RequestIds.prefix(request) + "Exceeds maximum queue size");
        }
        return sequence;
    }

    private static InferenceException stopping() {
        return new InferenceException(StatusCode.UNAVAILABLE,
                "Server is stopping, scheduler for model has stopped accepting new inference requests");
    }

    private InferenceException notStarted(ActiveRequest request) {
        return InferenceException.invalid("inference request for sequence " + request.correlationId() + " to model '"
                + model + "' must specify the START flag on the first request of the sequence");
    }

    private CorrelationId unusedId() {
        CorrelationId.Numeric id;
        do {
            ownIds++;
            id = new CorrelationId.Numeric(ownIds);
        } while (open.containsKey(id));
        return id;
    }

    private void touch(Sequence sequence, long now) {
        sequence.lastUse = now;
        byUse.used(sequence);
    }

    /** Has the id of a sequence stand for another from here on. */
    private void close(Sequence sequence) {
        if (sequence.isOpen) {
            sequence.isOpen = false;
            open.remove(sequence.id);
            byUse.remove(sequence);
        }
    }

    private void expireInBacklog(Sequence sequence, ActiveRequest request, long now) {
        long timeout = request.timeoutMicros();
        if (timeout != 0) {
            expiring.remove(sequence);
            sequence.expiry = Math.min(sequence.expiry, Times.later(now, Times.nanos(timeout)));
            if (sequence.expiry != Sequence.NEVER) {
                expiring.add(sequence);
            }
        }
    }

    private void fillFreeSlots(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        while (!freeSlots.isEmpty() && !backlog.isEmpty()) {
            Iterator<Sequence> first = backlog.iterator();
            Sequence sequence = first.next();
            first.remove();
            expiring.remove(sequence);
            if (sequence.waiting.stream().anyMatch(ActiveRequest::isCancelled)) {
                abandon(sequence, () -> new InferenceException(StatusCode.CANCELLED, ""), drop);
            } else {
                occupy(freeSlots.removeFirst(), sequence, now, drop);
            }
        }
    }

    private void occupy(Slot slot, Sequence sequence, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        slot.sequence = sequence;
        slot.slots.used++;
        occupied++;
        sequence.slot = slot;
        sequence.lastUse = now;
        if (sequence.isOpen) {
            byUse.add(sequence);
        }
        handOver(sequence, now, drop);
    }

    /** Offers the next request of a sequence to its instance, where no other of it is there. */
    private void handOver(Sequence sequence, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        duePlan = null;
        Slot slot = sequence.slot;
        ActiveRequest next = sequence.next();
        if (slot == null || next == null || sequence.isOffered) {
            return;
        }
        if (next.isCancelled()) {
            cancel(sequence, slot, now, drop);
            return;
        }
        sequence.isOffered = true;
        slot.slots.offered++;
        strategy.ready(slot.slots, sequence);
    }

    /** Ends a sequence whose next request is cancelled. */
    private void cancel(Sequence sequence, Slot slot, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        abandon(sequence, () -> new InferenceException(StatusCode.CANCELLED, ""), drop);
        release(slot, now, drop);
    }

    private void abandon(Sequence sequence, Supplier<InferenceException> error,
            BiConsumer<ActiveRequest, InferenceException> drop) {
        duePlan = null;
        close(sequence);
        withdraw(sequence);
        waiting -= sequence.waiting.size();
        sequence.waiting.forEach(request -> drop.accept(request, error.get()));
        sequence.waiting.clear();
        closeState(sequence);
    }

    /** Offers the next request of a sequence no more. */
    private static void withdraw(Sequence sequence) {
        Slot slot = sequence.slot;
        if (slot != null && sequence.isOffered) {
            sequence.isOffered = false;
            slot.slots.offered--;
            slot.slots.candidates.remove(sequence);
        }
    }

    /** The request that is being executed still reads the states. */
    private static void closeState(Sequence sequence) {
        if (sequence.executing == null) {
            sequence.state.close();
        }
    }

    /** Takes a sequence, which is over, out of its slot. */
    private void release(Slot slot, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        Sequence sequence = slot.sequence;
        if (sequence == null) {
            return;
        }
        duePlan = null;
        slot.sequence = null;
        slot.slots.used--;
        occupied--;
        sequence.slot = null;
        closeState(sequence);
        if (slot.slots.isRetiring) {
            forgetRetired();
        } else {
            freeSlots.add(slot);
            fillFreeSlots(now, drop);
        }
    }

    /** Returns whether {@link #poll} would return requests now. */
    public boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        InstanceSlots slots = instances.get(instance);
        if (slots == null || slots.offered == 0) {
            return false;
        }
        BatchPlan plan = plan(slots, now, drop);
        if (plan.rows().isEmpty()) {
            return false;
        }
        // Usually what happens next is that it is carried out.
        duePlan = plan;
        dueOf = slots;
        dueAt = now;
        return true;
    }

    /** Returns the plan that was made just now, or makes one. */
    private BatchPlan takePlan(InstanceSlots slots, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        BatchPlan plan = duePlan;
        duePlan = null;
        return plan != null && dueOf == slots && dueAt == now ? plan : plan(slots, now, drop);
    }

    private BatchPlan plan(InstanceSlots slots, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        duePlan = null;
        BatchPlan plan = strategy.plan(slots, now, new Fronts(now, drop));
        slots.wakeAt = plan.wakeAt();
        return plan;
    }

    /** What is in front of each slot. */
    private final class Fronts implements SequenceStrategy.Fronts {
        private final long now;
        private final BiConsumer<ActiveRequest, InferenceException> drop;

        Fronts(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
            this.now = now;
            this.drop = drop;
        }

        @Override
        public @Nullable Sequence inSlot(Slot slot) {
            while (true) {
                Sequence sequence = slot.sequence;
                ActiveRequest next = sequence == null ? null : sequence.next();
                if (sequence == null || next == null) {
                    return null;
                }
                if (!next.isCancelled()) {
                    return sequence;
                }
                cancel(sequence, slot, now, drop);
            }
        }

        @Override
        public void dropNext(Sequence sequence) {
            Slot slot = sequence.slot;
            ActiveRequest cancelled = sequence.waiting.removeFirst();
            drop.accept(cancelled, new InferenceException(StatusCode.CANCELLED, ""));
            waiting--;
            if (cancelled.isSequenceStart()) {
                // What follows belongs to the new sequence, not to the one that had the id before.
                sequence.state.reset();
            }
            withdraw(sequence);
            if (slot != null && sequence.isOver()) {
                release(slot, now, drop);
            } else {
                handOver(sequence, now, drop);
            }
        }
    }

    /**
     * Removes and returns the requests to execute now, in the order of their rows, each with controls and states laid over
     * its inputs; empty when none should be. Gaps are filled with requests that nobody waits for.
     */
    public List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        InstanceSlots slots = instances.get(instance);
        if (slots == null || slots.offered == 0) {
            return List.of();
        }
        BatchPlan plan = takePlan(slots, now, drop);
        if (plan.rows().isEmpty()) {
            return List.of();
        }
        strategy.taken(slots, plan);
        List<@Nullable Sequence> rows = plan.rows();
        List<ActiveRequest> batch = new ArrayList<>(rows.size());
        ActiveRequest model = null;
        int gaps = 0;
        for (int i = 0; i < rows.size(); i++) {
            Sequence sequence = rows.get(i);
            if (sequence == null) {
                gaps++;
            } else {
                ActiveRequest request = take(sequence, slots);
                model = model == null ? request : model;
                standIns.addTo(batch, gaps, model, now);
                gaps = 0;
                batch.add(request);
            }
        }
        if (model != null) {
            standIns.addTo(batch, gaps, model, now);
        }
        // What comes from the backlog joins the next batch.
        for (int i = 0; i < rows.size(); i++) {
            Sequence sequence = rows.get(i);
            if (sequence != null && sequence.slot != null && sequence.isOver()) {
                release(sequence.slot, now, drop);
            }
        }
        return batch;
    }

    private ActiveRequest take(Sequence sequence, InstanceSlots slots) {
        ActiveRequest request = sequence.waiting.removeFirst();
        waiting--;
        sequence.isOffered = false;
        slots.offered--;
        sequence.executing = request;
        request.attach(sequence);
        if (request.isSequenceStart()) {
            sequence.state.reset();
        }
        List<Tensor> more = controls.flags(request.isSequenceStart(), request.isSequenceEnd());
        if (!sequence.ids.isEmpty() || !states.isEmpty()) {
            more = new ArrayList<>(more);
            more.addAll(sequence.ids);
            sequence.state.addTo(more);
        }
        request.overlay(more, states.isEmpty() ? null : sequence.state);
        return request;
    }

    private boolean mayJoin(Sequence first, Sequence next) {
        ActiveRequest a = first.next();
        ActiveRequest b = next.next();
        return a != null && b != null && mayJoin.test(a, b)
                && (!comparesStates || areAlike(first.state.next(a.isSequenceStart()),
                        next.state.next(b.isSequenceStart())));
    }

    private static boolean areAlike(List<Tensor> a, List<Tensor> b) {
        for (int i = 0; i < a.size(); i++) {
            if (a.get(i).dataType() != b.get(i).dataType() || !a.get(i).shape().equals(b.get(i).shape())) {
                return false;
            }
        }
        return true;
    }

    /** Notes that a request has been executed and answered, so that the next one of its sequence may follow. */
    public void executed(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        if (request.isStandIn()) {
            standIns.executed(request);
            return;
        }
        Sequence sequence = executedFor(request);
        if (sequence == null) {
            return;
        }
        noLongerExecuting(sequence);
        if (isIterative && sequence.waiting.isEmpty()) {
            // A sequence is as long as its request.
            endAfterWaiting(sequence, now, drop);
        }
        if (sequence.slot != null) {
            handOver(sequence, now, drop);
        }
    }

    /** Returns the sequence whose request is being executed; null where that has been noted as executed. */
    private static @Nullable Sequence executedFor(ActiveRequest request) {
        return request.attachment() instanceof Sequence sequence && request.equals(sequence.executing)
                ? sequence
                : null;
    }

    private static void noLongerExecuting(Sequence sequence) {
        sequence.executing = null;
        sequence.state.executed();
        if (sequence.slot == null) {
            sequence.state.close();
        }
    }

    /** Returns whether requests may be executed again. */
    public boolean isIterative() {
        return isIterative;
    }

    /**
     * Notes that a request which is being executed will be executed again. Its sequence is idle from now on.
     *
     * @throws InferenceException where its sequence has ended
     */
    public void mayBeExecutedAgain(ActiveRequest request, long now) {
        Sequence sequence = executedFor(request);
        if (sequence == null || !sequence.isOpen) {
            throw hasEnded ? stopping() : notStarted(request);
        }
        touch(sequence, now);
    }

    /** Takes a request back that is to be executed again, behind those of its sequence that have arrived since. */
    public void executedAgain(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        Sequence sequence = executedFor(request);
        if (sequence == null) {
            throw new IllegalStateException("the request is not being executed");
        }
        noLongerExecuting(sequence);
        if (sequence.isOpen && sequence.slot != null) {
            request.queuedAgainAt(now);
            sequence.waiting.addLast(request);
            waiting++;
            touch(sequence, now);
        } else {
            drop.accept(request, hasEnded ? stopping() : notStarted(request));
        }
        handOver(sequence, now, drop);
    }

    /** Ends sequences that are idle, and those that have waited too long for a slot. */
    public void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        for (Sequence idle = byUse.first(); idle != null && idleAt(idle) <= now; idle = byUse.first()) {
            endAfterWaiting(idle, now, drop);
        }
        while (!expiring.isEmpty() && expiring.first().expiry <= now) {
            Sequence late = expiring.removeFirst();
            backlog.remove(late);
            abandon(late, () -> new InferenceException(StatusCode.UNAVAILABLE,
                    "timeout of the corresponding sequence has been expired"), drop);
        }
    }

    /**
     * Returns the time at which {@link #expire} would do more than now, or {@link #poll} where that may be called.
     */
    public long nextEvent(boolean mayPoll) {
        Sequence first = byUse.first();
        long next = first == null ? Sequence.NEVER : idleAt(first);
        if (!expiring.isEmpty()) {
            next = Math.min(next, expiring.first().expiry);
        }
        if (mayPoll && strategy.delays()) {
            for (InstanceSlots slots : instances.values()) {
                next = Math.min(next, slots.wakeAt);
            }
        }
        return next;
    }

    private long idleAt(Sequence sequence) {
        return Times.later(sequence.lastUse, idleNanos);
    }

    /** Returns whether a request waits that the instance could execute. */
    public boolean hasWork(Instance instance) {
        InstanceSlots slots = instances.get(instance);
        return slots != null && slots.offered > 0;
    }

    /** Starts no further sequences; those that run go on. */
    public void refuseSequences() {
        refusesSequences = true;
    }

    /** Takes no further requests; what has arrived is still executed. */
    public void endAll(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        hasEnded = true;
        for (Sequence sequence : List.copyOf(open.values())) {
            endAfterWaiting(sequence, now, drop);
        }
    }

    /** Forgets the id of a sequence, which ends with what waits of it. */
    private void endAfterWaiting(Sequence sequence, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        close(sequence);
        if (sequence.isOver() && sequence.slot != null) {
            release(sequence.slot, now, drop);
        }
    }

    /** Removes and returns everything that waits. */
    public List<ActiveRequest> drain() {
        List<ActiveRequest> all = new ArrayList<>();
        Set<Sequence> sequences = new LinkedHashSet<>(backlog);
        instances.values().forEach(slots -> slots.slots().forEach(slot -> {
            if (slot.sequence != null) {
                sequences.add(slot.sequence);
            }
        }));
        for (Sequence sequence : sequences) {
            abandon(sequence, () -> new InferenceException(StatusCode.CANCELLED, ""),
                    (request, ignored) -> all.add(request));
        }
        backlog.clear();
        expiring.clear();
        return all;
    }

    /** Returns how many requests wait. */
    public int waiting() {
        return waiting;
    }

    /** Returns how many requests wait of sequences that have no slot. */
    public int backlog() {
        return backlog.stream().mapToInt(sequence -> sequence.waiting.size()).sum();
    }

    /** Returns how many sequences have a slot. */
    public int running() {
        return occupied;
    }

    /** Returns whether no sequence runs or waits. */
    public boolean isEmpty() {
        return occupied == 0 && backlog.isEmpty();
    }

    /** Returns what is to be logged since the last call, without the lock. */
    public List<String> takeWarnings() {
        if (warnings.isEmpty()) {
            return List.of();
        }
        List<String> taken = List.copyOf(warnings);
        warnings.clear();
        return taken;
    }
}

package dev.nereid.engine.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Sequences as simply as they can be kept: looks through everything, and executes nothing. What the batcher does is compared
 * with it. It is told when the batcher looks at cancelled requests, and which ones are executed when.
 */
final class SequenceReference {
    private final boolean isDirect;
    private final int slotsPerInstance;
    private final long idleNanos;
    private final Map<Long, Sequence> open = new HashMap<>();
    private final List<Sequence> backlog = new ArrayList<>();
    private final List<Sequence> running = new ArrayList<>();
    private final TreeSet<Place> free = new TreeSet<>(
            Comparator.comparingInt(Place::row).thenComparingInt(Place::instance));
    private final Set<Integer> retired = new LinkedHashSet<>();
    private long uses = 1;

    /** What a client sends. */
    static final class Request {
        final long id;
        final long value;
        final boolean isStart;
        final boolean isEnd;
        boolean isCancelled;
        /** What the model answers to it. */
        long answer;
        /** Null as long as it is not accepted. */
        @Nullable
        Sequence sequence;

        Request(long id, long value, boolean isStart, boolean isEnd) {
            this.id = id;
            this.value = value;
            this.isStart = isStart;
            this.isEnd = isEnd;
        }

        @Override
        public String toString() {
            return id + ":" + value + (isStart ? "S" : "") + (isEnd ? "E" : "") + (isCancelled ? "!" : "");
        }
    }

    /** A row of an instance. */
    record Place(int instance, int row) {
    }

    /** A sequence that is not over. */
    static final class Sequence {
        final ArrayDeque<Request> waiting = new ArrayDeque<>();
        @Nullable
        Place place;
        @Nullable
        Request executing;
        boolean isOpen = true;
        /** When its next request came up; 0 where none has. */
        long offered;
        long sum;
        long lastUse;
        long use;
        long expiry = Long.MAX_VALUE;

        boolean isCancelled() {
            return waiting.stream().anyMatch(request -> request.isCancelled);
        }
    }

    SequenceReference(boolean isDirect, int slotsPerInstance, long idleNanos) {
        this.isDirect = isDirect;
        this.slotsPerInstance = slotsPerInstance;
        this.idleNanos = idleNanos;
    }

    /** Returns the requests that fail. */
    List<Request> add(int instance, long now) {
        for (int row = 0; row < slotsPerInstance; row++) {
            free.add(new Place(instance, row));
        }
        return fill(now);
    }

    void retire(int instance) {
        retired.add(instance);
        free.removeIf(place -> place.instance() == instance);
    }

    boolean takes(Request request) {
        return request.isStart || open.containsKey(request.id);
    }

    /** Takes a request; returns those that fail. */
    List<Request> submit(Request request, long timeoutNanos, long now) {
        Sequence sequence = open.get(request.id);
        if (sequence == null) {
            sequence = new Sequence();
            open.put(request.id, sequence);
            backlog.add(sequence);
        }
        request.sequence = sequence;
        sequence.waiting.add(request);
        use(sequence, now);
        if (request.isEnd) {
            close(sequence);
        }
        if (sequence.place != null) {
            return handOver(sequence, now);
        }
        if (timeoutNanos != 0) {
            sequence.expiry = Math.min(sequence.expiry, now + timeoutNanos);
        }
        return fill(now);
    }

    private void use(Sequence sequence, long now) {
        sequence.lastUse = now;
        sequence.use = uses++;
    }

    private void close(Sequence sequence) {
        if (sequence.isOpen) {
            sequence.isOpen = false;
            open.values().remove(sequence);
        }
    }

    private List<Request> fill(long now) {
        List<Request> failed = new ArrayList<>();
        while (!free.isEmpty() && !backlog.isEmpty()) {
            Sequence sequence = backlog.removeFirst();
            if (sequence.isCancelled()) {
                failed.addAll(abandon(sequence));
            } else {
                sequence.place = free.removeFirst();
                running.add(sequence);
                use(sequence, now);
                sequence.offered = uses++;
            }
        }
        return failed;
    }

    private List<Request> abandon(Sequence sequence) {
        close(sequence);
        List<Request> failed = List.copyOf(sequence.waiting);
        sequence.waiting.clear();
        return failed;
    }

    private List<Request> handOver(Sequence sequence, long now) {
        if (sequence.executing != null || sequence.waiting.isEmpty() || sequence.offered != 0) {
            return List.of();
        }
        if (!sequence.waiting.getFirst().isCancelled) {
            sequence.offered = uses++;
            return List.of();
        }
        List<Request> failed = new ArrayList<>(abandon(sequence));
        failed.addAll(release(sequence, now));
        return failed;
    }

    private List<Request> release(Sequence sequence, long now) {
        Place place = sequence.place;
        sequence.place = null;
        running.remove(sequence);
        if (place != null && !retired.contains(place.instance())) {
            free.add(place);
        }
        return fill(now);
    }

    /** Looks at the next request of a sequence, which is cancelled; returns the requests that fail. */
    List<Request> look(Sequence sequence, long now) {
        if (sequence.place == null || sequence.executing != null || sequence.waiting.isEmpty()
                || !sequence.waiting.getFirst().isCancelled) {
            return List.of();
        }
        sequence.offered = 0;
        if (isDirect) {
            return handOver(sequence, now);
        }
        List<Request> failed = new ArrayList<>();
        failed.add(sequence.waiting.removeFirst());
        if (failed.getFirst().isStart) {
            sequence.sum = 0;
        }
        if (sequence.waiting.isEmpty() && !sequence.isOpen) {
            failed.addAll(release(sequence, now));
        } else {
            failed.addAll(handOver(sequence, now));
        }
        return failed;
    }

    /** Notes an execution; returns the requests that fail. */
    List<Request> executes(List<Request> batch, long now) {
        List<Request> failed = new ArrayList<>();
        List<Sequence> over = new ArrayList<>();
        for (Request request : batch) {
            Sequence sequence = sequenceOf(request);
            sequence.waiting.removeFirst();
            sequence.offered = 0;
            sequence.executing = request;
            sequence.sum = request.isStart ? request.value : sequence.sum + request.value;
            request.answer = sequence.sum;
            if (!sequence.isOpen && sequence.waiting.isEmpty()) {
                over.add(sequence);
            }
        }
        over.forEach(sequence -> failed.addAll(release(sequence, now)));
        return failed;
    }

    static Sequence sequenceOf(Request request) {
        Sequence sequence = request.sequence;
        if (sequence == null) {
            throw new AssertionError(request + " was not accepted");
        }
        return sequence;
    }

    /** Notes that a request is answered; returns those that fail. */
    List<Request> executed(Request request, long now) {
        Sequence sequence = sequenceOf(request);
        sequence.executing = null;
        return sequence.place == null ? List.of() : handOver(sequence, now);
    }

    /** Ends what is idle; returns the requests that fail because a sequence moves up. */
    List<Request> endIdle(long now) {
        List<Request> failed = new ArrayList<>();
        List<Sequence> idle = running.stream().filter(each -> each.isOpen && each.lastUse + idleNanos <= now)
                .sorted(Comparator.comparingLong(each -> each.use)).toList();
        for (Sequence sequence : idle) {
            close(sequence);
            if (sequence.waiting.isEmpty()) {
                failed.addAll(release(sequence, now));
            }
        }
        return failed;
    }

    /** Ends what waits too long for a slot; returns the requests that fail. */
    List<Request> endLate(long now) {
        List<Request> failed = new ArrayList<>();
        List<Sequence> late = backlog.stream().filter(each -> each.expiry <= now).toList();
        backlog.removeAll(late);
        late.forEach(sequence -> failed.addAll(abandon(sequence)));
        return failed;
    }

    List<Sequence> running() {
        return List.copyOf(running);
    }

    boolean isEmpty() {
        return running.isEmpty() && backlog.isEmpty();
    }
}

package dev.nereid.server.scheduler;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.BiConsumer;

/**
 * The dynamic batcher (model-config, 9.2): merges what waits into batches, by priority, preferred sizes and delay, and
 * drops what has waited too long.
 *
 * <p>Level 1 is served completely before level 2. Within a level, requests whose time is up and whose policy is DELAY
 * go behind all others.
 */
final class BatchingQueue implements RequestQueue {
    private static final long NANOS_PER_MICRO = 1000;

    private final List<Level> levels = new ArrayList<>();
    private final int defaultLevel;
    private final int maxBatchSize;
    private final List<Integer> preferredSizes;
    private final int largestPreferred;
    private final long maxDelayNanos;
    private final BatchRule rule;
    private final PriorityQueue<Entry> deadlines = new PriorityQueue<>(
            (a, b) -> Long.compare(a.deadlineNanos, b.deadlineNanos));
    private int size;
    private long wakeAt = NEVER;

    /**
     * Creates an empty queue.
     *
     * @param maxBatchSize 0 executes requests one by one
     * @param serverMaxQueueSize bound for levels whose policy sets none
     */
    BatchingQueue(DynamicBatching batching, int maxBatchSize, BatchRule rule, int serverMaxQueueSize) {
        this.maxBatchSize = Math.max(1, maxBatchSize);
        this.rule = rule;
        this.preferredSizes = batching.preferredBatchSizes();
        this.largestPreferred = preferredSizes.stream().mapToInt(Integer::intValue).max().orElse(this.maxBatchSize);
        this.maxDelayNanos = batching.maxQueueDelayMicros() > NEVER / NANOS_PER_MICRO
                ? NEVER
                : batching.maxQueueDelayMicros() * NANOS_PER_MICRO;
        int count = (int) Math.min(Integer.MAX_VALUE, Math.max(1, batching.priorityLevels()));
        this.defaultLevel = (int) Math.max(1, batching.defaultPriorityLevel());
        for (long level = 1; level <= count; level++) {
            QueuePolicy policy = batching.priorityQueuePolicies().getOrDefault(level, batching.defaultQueuePolicy());
            levels.add(new Level(policy, policy.maxQueueSize() == 0 ? serverMaxQueueSize : policy.maxQueueSize()));
        }
    }

    @Override
    public void offer(EngineRequest request, long now) {
        long asked = request.priority();
        Level level = levels.get((int) (asked < 1 || asked > levels.size() ? defaultLevel : asked) - 1);
        if (level.size() >= level.maxSize) {
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    RequestIds.prefix(request) + "Exceeds maximum queue size");
        }
        Entry entry = new Entry(request, level, deadline(level.policy, request, now));
        level.waiting.addLast(entry);
        size++;
        if (entry.deadlineNanos != NEVER) {
            deadlines.add(entry);
        }
    }

    private static long deadline(QueuePolicy policy, EngineRequest request, long now) {
        long timeout = policy.defaultTimeoutMicros();
        // A request may only shorten the timeout, so with a default of 0 its own has no effect (model-config, 9.2).
        if (policy.allowTimeoutOverride() && request.timeoutMicros() > 0 && request.timeoutMicros() < timeout) {
            timeout = request.timeoutMicros();
        }
        return timeout <= 0 || timeout > (NEVER - now) / NANOS_PER_MICRO ? NEVER : now + timeout * NANOS_PER_MICRO;
    }

    @Override
    public List<EngineRequest> poll(long now, BiConsumer<EngineRequest, InferenceException> drop) {
        applyDeadlines(now, drop);
        List<Entry> pending = new ArrayList<>();
        int rows = 0;
        int candidate = 0;
        boolean sendNow = false;
        long oldest = NEVER;
        walk : for (Level level : levels) {
            for (Iterator<Entry> each = level.iterator(); each.hasNext();) {
                Entry entry = each.next();
                if (entry.request.isCancelled()) {
                    level.removeCurrent();
                    leave(entry);
                    drop.accept(entry.request, new InferenceException(StatusCode.CANCELLED, ""));
                    continue;
                }
                int more = Math.max(1, entry.request.batchSize());
                if (!pending.isEmpty()) {
                    if (rows + more > maxBatchSize || !rule.mayJoin(pending.getFirst().request, entry.request)) {
                        sendNow = true;
                        break walk;
                    }
                    if (rows + more > largestPreferred && candidate == 0) {
                        candidate = pending.size();
                    }
                }
                pending.add(entry);
                rows += more;
                oldest = Math.min(oldest, entry.request.queuedNanos());
                if (preferredSizes.contains(rows)) {
                    candidate = pending.size();
                }
                if (rows >= maxBatchSize) {
                    sendNow = true;
                    break walk;
                }
            }
        }
        wakeAt = NEVER;
        if (pending.isEmpty()) {
            return List.of();
        }
        boolean exceeded = maxDelayNanos != 0 && now - oldest >= maxDelayNanos;
        if (candidate > 0 && !exceeded) {
            return take(pending.subList(0, candidate));
        }
        if (sendNow || rows >= largestPreferred || exceeded || maxDelayNanos == 0) {
            return take(pending);
        }
        wakeAt = oldest > NEVER - maxDelayNanos ? NEVER : oldest + maxDelayNanos;
        return List.of();
    }

    private List<EngineRequest> take(List<Entry> entries) {
        List<EngineRequest> batch = new ArrayList<>(entries.size());
        for (Entry entry : entries) {
            entry.level.remove(entry);
            leave(entry);
            batch.add(entry.request);
        }
        return batch;
    }

    private void leave(Entry entry) {
        entry.hasLeft = true;
        size--;
    }

    @Override
    public void expire(long now, BiConsumer<EngineRequest, InferenceException> drop) {
        for (Level level : levels) {
            for (Iterator<Entry> each = level.iterator(); each.hasNext();) {
                Entry entry = each.next();
                if (entry.request.isCancelled()) {
                    level.removeCurrent();
                    leave(entry);
                    drop.accept(entry.request, new InferenceException(StatusCode.CANCELLED, ""));
                }
            }
        }
        applyDeadlines(now, drop);
    }

    private void applyDeadlines(long now, BiConsumer<EngineRequest, InferenceException> drop) {
        for (Entry due = deadlines.peek(); due != null
                && (due.hasLeft || due.deadlineNanos <= now); due = deadlines.peek()) {
            deadlines.remove();
            if (due.hasLeft) {
                continue;
            }
            if (due.level.policy.timeoutAction() == TimeoutAction.DELAY) {
                due.level.delay(due);
            } else {
                due.level.remove(due);
                leave(due);
                drop.accept(due.request,
                        new InferenceException(StatusCode.UNAVAILABLE, "Request timeout expired"));
            }
        }
    }

    @Override
    public long nextEvent(long now) {
        while (!deadlines.isEmpty() && deadlines.element().hasLeft) {
            deadlines.remove();
        }
        long deadline = deadlines.isEmpty() ? NEVER : deadlines.element().deadlineNanos;
        return Math.min(wakeAt, deadline);
    }

    @Override
    public List<EngineRequest> drain() {
        List<EngineRequest> all = new ArrayList<>();
        for (Level level : levels) {
            level.iterator().forEachRemaining(entry -> {
                leave(entry);
                all.add(entry.request);
            });
            level.clear();
        }
        deadlines.clear();
        return all;
    }

    @Override
    public int size() {
        return size;
    }

    /** A request that waits. */
    private static final class Entry {
        private final EngineRequest request;
        private final Level level;
        private final long deadlineNanos;
        private boolean hasLeft;

        private Entry(EngineRequest request, Level level, long deadlineNanos) {
            this.request = request;
            this.level = level;
            this.deadlineNanos = deadlineNanos;
        }
    }

    /** The requests of one priority: first those in time, then those that were delayed. */
    private static final class Level {
        private final QueuePolicy policy;
        private final int maxSize;
        private final ArrayDeque<Entry> waiting = new ArrayDeque<>();
        private final ArrayDeque<Entry> delayed = new ArrayDeque<>();
        private Iterator<Entry> current = waiting.iterator();

        private Level(QueuePolicy policy, int maxSize) {
            this.policy = policy;
            this.maxSize = maxSize;
        }

        private int size() {
            return waiting.size() + delayed.size();
        }

        /** Walks both lists; {@link #removeCurrent()} removes what it returned last. */
        private Iterator<Entry> iterator() {
            current = waiting.iterator();
            Iterator<Entry> second = delayed.iterator();
            return new Iterator<>() {
                private boolean isInSecond;

                @Override
                public boolean hasNext() {
                    return current.hasNext() || second.hasNext();
                }

                @Override
                public Entry next() {
                    if (!isInSecond && !current.hasNext()) {
                        isInSecond = true;
                        current = second;
                    }
                    return current.next();
                }
            };
        }

        private void removeCurrent() {
            current.remove();
        }

        private void remove(Entry entry) {
            if (entry.equals(waiting.peekFirst())) {
                waiting.removeFirst();
            } else if (!waiting.remove(entry)) {
                delayed.remove(entry);
            }
        }

        private void delay(Entry entry) {
            if (waiting.remove(entry)) {
                delayed.addLast(entry);
            }
        }

        private void clear() {
            waiting.clear();
            delayed.clear();
        }
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.QueuePolicy.TimeoutAction;
import dev.nereid.backend.api.config.Scheduling.DynamicBatching;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The dynamic batcher (model-config, 9.2): merges what waits into batches, by priority, preferred sizes and delay, and
 * drops what has waited too long.
 *
 * <p>Level 1 is served completely before level 2. Within a level, requests whose time is up and whose policy is DELAY
 * go behind all others.
 */
final class BatchingQueue implements RequestQueue {
    private static final long NANOS_PER_MICRO = 1000;
    /** More levels than these are forgotten while nothing waits in them: a client may name any number up to 2^64. */
    private static final int KEPT_LEVELS = 16;

    private final NavigableMap<Long, Level> levels = new TreeMap<>(Long::compareUnsigned);
    private final DynamicBatching batching;
    private final long defaultLevel;
    private final int serverMaxQueueSize;
    private final int maxBatchSize;
    private final List<Integer> preferredSizes;
    private final int largestPreferred;
    private final long maxDelayNanos;
    private final BatchRule rule;
    private final @Nullable CustomBatching custom;
    /** What still waits and may not wait for ever, by time and then by arrival. */
    private final TreeSet<Entry> deadlines = new TreeSet<>(BatchingQueue::compareDeadlines);
    private long arrivals;
    private int size;
    private long wakeAt = NEVER;
    private boolean isEnding;

    /**
     * Creates an empty queue.
     *
     * @param maxBatchSize 0 executes requests one by one
     * @param serverMaxQueueSize bound for levels whose policy sets none
     * @param custom what else decides who joins a batch; null for nothing
     */
    BatchingQueue(DynamicBatching batching, int maxBatchSize, BatchRule rule, int serverMaxQueueSize,
            @Nullable CustomBatching custom) {
        this.batching = batching;
        this.maxBatchSize = Math.max(1, maxBatchSize);
        this.rule = rule;
        this.custom = custom;
        this.serverMaxQueueSize = serverMaxQueueSize;
        this.preferredSizes = batching.preferredBatchSizes();
        this.largestPreferred = preferredSizes.stream().mapToInt(Integer::intValue).max().orElse(this.maxBatchSize);
        this.maxDelayNanos = batching.maxQueueDelayMicros() > NEVER / NANOS_PER_MICRO
                ? NEVER
                : batching.maxQueueDelayMicros() * NANOS_PER_MICRO;
        this.defaultLevel = batching.defaultPriorityLevel() == 0 ? 1 : batching.defaultPriorityLevel();
    }

    private static int compareDeadlines(Entry a, Entry b) {
        int byTime = Long.compare(a.deadlineNanos, b.deadlineNanos);
        return byTime != 0 ? byTime : Long.compare(a.arrival, b.arrival);
    }

    @Override
    public void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        Level level = level(request.priority());
        if (level.size() >= level.maxSize) {
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    RequestIds.prefix(request) + "Exceeds maximum queue size");
        }
        arrivals++;
        Entry entry = new Entry(request, level, deadline(level.policy, request, now), arrivals);
        level.waiting.addLast(entry);
        size++;
        if (entry.deadlineNanos != NEVER) {
            deadlines.add(entry);
        }
    }

    private Level level(long asked) {
        long number = asked == 0 || Long.compareUnsigned(asked, batching.priorityLevels()) > 0 ? defaultLevel : asked;
        Level level = levels.get(number);
        if (level == null) {
            if (levels.size() >= KEPT_LEVELS) {
                levels.values().removeIf(each -> each.size() == 0);
            }
            QueuePolicy policy = batching.priorityQueuePolicies().getOrDefault(number, batching.defaultQueuePolicy());
            level = new Level(policy, policy.maxQueueSize() == 0 ? serverMaxQueueSize : policy.maxQueueSize());
            levels.put(number, level);
        }
        return level;
    }

    private static long deadline(QueuePolicy policy, ActiveRequest request, long now) {
        long timeout = policy.defaultTimeoutMicros();
        // A request may only shorten the timeout, so with a default of 0 its own has no effect (model-config, 9.2).
        if (policy.allowTimeoutOverride() && request.timeoutMicros() > 0 && request.timeoutMicros() < timeout) {
            timeout = request.timeoutMicros();
        }
        return timeout <= 0 || timeout > NEVER / NANOS_PER_MICRO ? NEVER : later(now, timeout * NANOS_PER_MICRO);
    }

    /** Returns the time that much later; the clock may start anywhere, also below zero. */
    private static long later(long now, long nanos) {
        long sum = now + nanos;
        return sum < now ? NEVER : sum;
    }

    @Override
    public List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        return take(select(now, drop));
    }

    @Override
    public boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        return !select(now, drop).isEmpty();
    }

    /** Returns what is to be executed now. */
    private List<Entry> select(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        wakeAt = NEVER;
        applyDeadlines(now, drop);
        if (size == 0) {
            return List.of();
        }
        if (custom == null) {
            return select(now, drop, BatchingQueue::any);
        }
        try (CustomBatching.Attempt attempt = custom.begin()) {
            return select(now, drop, attempt);
        }
    }

    private List<Entry> select(long now, BiConsumer<ActiveRequest, InferenceException> drop,
            Predicate<ActiveRequest> joins) {
        List<Entry> pending = new ArrayList<>(4);
        int rows = 0;
        int candidate = 0;
        boolean sendNow = false;
        long oldest = NEVER;
        walk : for (Level level : levels.values()) {
            for (Iterator<Entry> each = level.iterator(); each.hasNext();) {
                Entry entry = each.next();
                if (entry.request.isCancelled()) {
                    level.removeCurrent();
                    leave(entry);
                    drop.accept(entry.request, new InferenceException(StatusCode.CANCELLED, ""));
                    continue;
                }
                int more = Math.max(1, entry.request.batchSize());
                if (pending.isEmpty()) {
                    boolean ignored = joins.test(entry.request);
                } else {
                    if (rows + more > maxBatchSize || !rule.mayJoin(pending.getFirst().request, entry.request)
                            || !joins.test(entry.request)) {
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
        if (pending.isEmpty()) {
            return List.of();
        }
        boolean exceeded = maxDelayNanos != 0 && now - oldest >= maxDelayNanos;
        if (candidate > 0 && !exceeded) {
            return pending.subList(0, candidate);
        }
        if (sendNow || rows >= largestPreferred || exceeded || maxDelayNanos == 0 || isEnding) {
            return pending;
        }
        wakeAt = later(oldest, maxDelayNanos);
        return List.of();
    }

    private List<ActiveRequest> take(List<Entry> entries) {
        if (entries.size() == 1) {
            return List.of(take(entries.getFirst()));
        }
        List<ActiveRequest> batch = new ArrayList<>(entries.size());
        for (Entry entry : entries) {
            batch.add(take(entry));
        }
        return batch;
    }

    private ActiveRequest take(Entry entry) {
        entry.level.remove(entry);
        leave(entry);
        return entry.request;
    }

    private void leave(Entry entry) {
        deadlines.remove(entry);
        size--;
    }

    @Override
    public void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        for (Level level : levels.values()) {
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

    private void applyDeadlines(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        while (!deadlines.isEmpty() && deadlines.first().deadlineNanos <= now) {
            Entry due = deadlines.removeFirst();
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
    public long nextEvent(boolean mayPoll) {
        long deadline = deadlines.isEmpty() ? NEVER : deadlines.first().deadlineNanos;
        return mayPoll ? Math.min(wakeAt, deadline) : deadline;
    }

    @Override
    public void endArrivals() {
        isEnding = true;
    }

    @Override
    public List<ActiveRequest> drain() {
        List<ActiveRequest> all = new ArrayList<>();
        for (Level level : levels.values()) {
            level.iterator().forEachRemaining(entry -> all.add(entry.request));
        }
        levels.clear();
        deadlines.clear();
        size = 0;
        wakeAt = NEVER;
        return all;
    }

    @Override
    public int size() {
        return size;
    }

    /** A request that waits. */
    private static final class Entry {
        private final ActiveRequest request;
        private final Level level;
        private final long deadlineNanos;
        private final long arrival;

        private Entry(ActiveRequest request, Level level, long deadlineNanos, long arrival) {
            this.request = request;
            this.level = level;
            this.deadlineNanos = deadlineNanos;
            this.arrival = arrival;
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
            if (delayed.isEmpty()) {
                return current;
            }
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
    }

    private static boolean any(ActiveRequest ignored) {
        return true;
    }
}

package dev.nereid.engine.instance;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.engine.EngineOptions.RateResource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Shares resources between the executions of all models: an instance executes only while it holds what its group asks
 * for. Whose turn it is: that of the instance with the fewest executions, each counted as many times as the instance's
 * priority says, so that priority n gets 1/n of the chances of priority 1.
 *
 * <p>One lock guards everything here. Dispatchers call under their own lock, never the other way round: {@link #wake()}
 * takes no lock along when it tells schedulers that it is their turn. An instance that waits keeps those behind it
 * from what it needs, so that one that needs much is not starved by many that need little; instances that need other
 * things are not held up.
 */
public final class RateLimiter {
    /** Stands for all devices together, as a key beside their numbers. */
    private static final int GLOBAL = -2;

    private final Map<Key, Long> explicit;
    private final ReentrantLock limiterLock = new ReentrantLock();
    private final List<Claim> claims = new ArrayList<>();
    private final List<Claim> waiting = new ArrayList<>();
    private final Map<Key, Long> held = new HashMap<>();
    private Map<Key, Long> limits = Map.of();
    private long arrivals;
    private volatile boolean hasWaiting;

    /** A resource on a device, on each that is not named (no device), or everywhere ({@link #GLOBAL}). */
    private record Key(String name, OptionalInt device) {
    }

    /** Creates a limiter; without resources there is as much of each as the instance that needs most of it needs. */
    public RateLimiter(List<RateResource> resources) {
        Map<Key, Long> counts = new LinkedHashMap<>();
        for (RateResource resource : resources) {
            counts.merge(new Key(resource.name(), resource.device()), resource.count(), Math::min);
        }
        explicit = counts;
    }

    /** What one instance needs, and how often it had it. */
    public final class Claim implements AutoCloseable {
        private final Map<Key, Long> needs = new LinkedHashMap<>();
        private final long priority;
        private long startsAt;
        private long executions;
        private long arrival;
        private Runnable onTurn = () -> {
        };

        private Claim(InstanceGroup.RateLimiter asked, int device) {
            for (InstanceGroup.Resource resource : asked.resources()) {
                Key key = new Key(resource.name(), OptionalInt.of(resource.isGlobal() ? GLOBAL : device));
                needs.put(key, (long) resource.count());
            }
            priority = Math.max(1, asked.priority());
        }

        /** Sets what is called, without any lock, when it is the instance's turn. */
        public void onTurn(Runnable action) {
            onTurn = action;
        }

        /** Returns how often it had its share, by priority; the lowest is next. */
        long rank() {
            return startsAt + executions * priority;
        }

        /** Takes what an execution needs; otherwise waits in line for it and returns false. Not twice in a row. */
        public boolean tryAcquire() {
            limiterLock.lock();
            try {
                if (!mayGo(this)) {
                    if (!waiting.contains(this)) {
                        arrival = ++arrivals;
                        waiting.add(this);
                        hasWaiting = true;
                    }
                    return false;
                }
                leaveLine(this);
                needs.forEach((key, count) -> held.merge(key, count, Long::sum));
                return true;
            } finally {
                limiterLock.unlock();
            }
        }

        /** Leaves the line: there is nothing to execute any more. */
        void withdraw() {
            limiterLock.lock();
            try {
                leaveLine(this);
            } finally {
                limiterLock.unlock();
            }
        }

        /** Gives back what was taken. */
        void release(boolean hasExecuted) {
            limiterLock.lock();
            try {
                needs.forEach((key, count) -> held.merge(key, -count, Long::sum));
                if (hasExecuted) {
                    executions++;
                }
            } finally {
                limiterLock.unlock();
            }
        }

        /** Ends the claim of an instance that is no longer in service. */
        @Override
        public void close() {
            limiterLock.lock();
            try {
                leaveLine(this);
                claims.remove(this);
                limits = limits();
            } finally {
                limiterLock.unlock();
            }
            wake();
        }
    }

    /**
     * Takes note of an instance.
     *
     * @param device the device it is on
     * @throws InferenceException INVALID_ARG where it could never execute, or the resource is global elsewhere
     */
    public Claim claim(InstanceGroup.RateLimiter asked, int device) {
        Claim claim = new Claim(asked, device);
        limiterLock.lock();
        try {
            // A newcomer has no chances to catch up on: those who are there already would have to wait all that time.
            claim.startsAt = claims.stream().mapToLong(Claim::rank).min().orElse(0);
            claims.add(claim);
            try {
                limits = limits();
            } catch (InferenceException e) {
                claims.remove(claim);
                throw e;
            }
        } finally {
            limiterLock.unlock();
        }
        return claim;
    }

    /**
     * Tells the schedulers of those instances whose turn it is, until it is nobody's. To be called without any lock after
     * each change; what is called takes the turn or leaves the line, and does not call this.
     */
    public void wake() {
        for (List<Runnable> turns = turns(); !turns.isEmpty(); turns = turns()) {
            turns.forEach(Runnable::run);
        }
    }

    private List<Runnable> turns() {
        if (!hasWaiting) {
            return List.of();
        }
        limiterLock.lock();
        try {
            return waiting.stream().filter(this::mayGo).map(claim -> claim.onTurn).toList();
        } finally {
            limiterLock.unlock();
        }
    }

    private void leaveLine(Claim claim) {
        waiting.remove(claim);
        hasWaiting = !waiting.isEmpty();
    }

    private boolean mayGo(Claim claim) {
        for (Map.Entry<Key, Long> need : claim.needs.entrySet()) {
            long free = limits.getOrDefault(need.getKey(), 0L) - held.getOrDefault(need.getKey(), 0L);
            if (need.getValue() > free) {
                return false;
            }
        }
        return waiting.stream().noneMatch(other -> other != claim && isBefore(other, claim)
                && other.needs.keySet().stream().anyMatch(claim.needs::containsKey));
    }

    /** Returns whether one in the line comes before another, which may be about to enter it. */
    private boolean isBefore(Claim one, Claim other) {
        int byRank = Long.compare(one.rank(), other.rank());
        return byRank < 0 || (byRank == 0 && (!waiting.contains(other) || one.arrival < other.arrival));
    }

    /** Returns how much there is of what the instances need. */
    private Map<Key, Long> limits() {
        Map<Key, Long> needed = new HashMap<>();
        claims.forEach(claim -> claim.needs.forEach((key, count) -> needed.merge(key, count, Math::max)));
        if (!explicit.isEmpty()) {
            needed.replaceAll(this::explicitLimit);
        }
        needed.keySet().stream().filter(key -> isGlobal(key) && needed.keySet().stream()
                .anyMatch(other -> other.name().equals(key.name()) && !isGlobal(other)))
                .min(Comparator.comparing(Key::name)).ifPresent(key -> {
                    throw InferenceException
                            .invalid("Resource \"" + key.name() + "\" is present as both global and "
                                    + "device-specific resource in the model configuration.");
                });
        return needed;
    }

    private static boolean isGlobal(Key key) {
        return key.device().orElse(0) == GLOBAL;
    }

    private long explicitLimit(Key key, long needed) {
        long count = 0;
        for (Map.Entry<Key, Long> each : explicit.entrySet()) {
            OptionalInt device = each.getKey().device();
            if (each.getKey().name().equals(key.name())
                    && (isGlobal(key) || device.isEmpty() || device.equals(key.device()))) {
                count = Math.max(count, each.getValue());
            }
        }
        if (count < needed) {
            throw InferenceException.invalid("Resource count for \"" + key.name() + "\" is limited to " + count
                    + " which will prevent scheduling of one or more model instances, the minimum required count is "
                    + needed);
        }
        return count;
    }
}

package dev.nereid.engine.instance;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The instances of a scheduler that are free. Used under the scheduler's lock only.
 *
 * <p>Instances serve in the order in which they became free. Of those that share a thread one at a time does, so that the
 * batch of the next is formed when the thread is free and not before. With a rate limiter, the instance that had the
 * fewest chances comes first, and none before the limiter lets it.
 */
public final class InstancePool {
    @SuppressWarnings("UnnecessaryLambda") // one object for all calls
    private static final Predicate<Instance> ANY = instance -> true;

    /** Walked by index, since that happens several times for each request. */
    private final ArrayList<Instance> free = new ArrayList<>();
    private final @Nullable RateLimiter limiter;

    public InstancePool(@Nullable RateLimiter limiter) {
        this.limiter = limiter;
    }

    public void add(Instance instance) {
        free.addLast(instance);
    }

    /** Takes an instance out that is free; returns false where it is not. */
    public boolean remove(Instance instance) {
        if (!free.remove(instance)) {
            return false;
        }
        withdraw(instance);
        return true;
    }

    public int size() {
        return free.size();
    }

    public void clear() {
        free.forEach(InstancePool::withdraw);
        free.clear();
    }

    /** Returns whether the next batch can be any other instance's than that of the one which has just become free. */
    public boolean choosesAmongAll(Instance instance) {
        return limiter != null || instance.thread().isShared();
    }

    /** Returns whether an instance could execute, if the limiter lets it. */
    public boolean hasIdle() {
        return firstIdle(ANY) != null;
    }

    /** Returns whether an instance could execute, if the limiter lets it, for which that is true. */
    public boolean hasIdle(Predicate<Instance> condition) {
        return firstIdle(condition) != null;
    }

    private @Nullable Instance firstIdle(Predicate<Instance> condition) {
        for (int i = 0; i < free.size(); i++) {
            Instance instance = free.get(i);
            if (!instance.thread().isBusy() && condition.test(instance)) {
                return instance;
            }
        }
        return null;
    }

    /**
     * Returns an instance that may execute a batch now; {@link #take} or {@link #decline} follows.
     *
     * @param isDue tells whether there is something for an instance to execute; asked where the limiter is to be asked, or
     *     {@code choosy}
     * @param choosy whether one instance may have something to execute while another has not
     */
    @Nullable
    public Instance candidate(Predicate<Instance> isDue, boolean choosy) {
        if (limiter == null) {
            return firstIdle(choosy ? isDue : ANY);
        }
        List<Instance> byRank = new ArrayList<>(free);
        if (choosy) {
            byRank.removeIf(instance -> {
                boolean hasNothing = !isDue.test(instance);
                if (hasNothing) {
                    withdraw(instance);
                }
                return hasNothing;
            });
        } else if (!free.isEmpty() && !isDue.test(free.getFirst())) {
            free.forEach(InstancePool::withdraw);
            return null;
        }
        byRank.sort(Comparator.comparingLong(InstancePool::rank));
        for (Instance instance : byRank) {
            RateLimiter.Claim claim = instance.claim();
            if (instance.thread().isBusy()) {
                // It could not use what others wait for, too.
                withdraw(instance);
            } else if (claim == null || claim.tryAcquire()) {
                return instance;
            }
        }
        return null;
    }

    private static void withdraw(Instance instance) {
        RateLimiter.Claim claim = instance.claim();
        if (claim != null) {
            claim.withdraw();
        }
    }

    private static long rank(Instance instance) {
        RateLimiter.Claim claim = instance.claim();
        return claim == null ? 0 : claim.rank();
    }

    /** Takes out the candidate: it executes. */
    public void take(Instance candidate) {
        free.remove(candidate);
        candidate.thread().setBusy(true);
    }

    /** Leaves the candidate where it is: there was nothing to execute after all. */
    public void decline(Instance candidate) {
        if (candidate.claim() != null) {
            candidate.claim().release(false);
        }
    }

    /** Notes that an instance has executed its batch. */
    public void finished(Instance instance) {
        instance.thread().setBusy(false);
        if (instance.claim() != null) {
            instance.claim().release(true);
        }
    }
}

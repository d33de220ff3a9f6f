package dev.nereid.engine.instance;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.engine.EngineOptions.RateResource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

class RateLimiterTest {
    private static final OptionalInt ANY = OptionalInt.empty();

    // Limits

    @Test
    void withoutExplicitResourcesThereIsWhatTheNeediestInstanceNeeds() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim two = limiter.claim(needs("R", false, 2), 0);
        RateLimiter.Claim four = limiter.claim(needs("R", false, 4), 0);
        RateLimiter.Claim another = limiter.claim(needs("R", false, 2), 0);

        assertTrue(two.tryAcquire());
        assertFalse(four.tryAcquire());
        two.release(true);
        assertTrue(four.tryAcquire());
        assertFalse(another.tryAcquire());
    }

    @Test
    void anInstanceThatIsGoneNoLongerDecidesHowMuchThereIs() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim two = limiter.claim(needs("R", false, 2), 0);
        RateLimiter.Claim another = limiter.claim(needs("R", false, 2), 0);
        RateLimiter.Claim four = limiter.claim(needs("R", false, 4), 0);
        four.close();

        assertTrue(two.tryAcquire());
        assertFalse(another.tryAcquire());
    }

    @Test
    void eachDeviceHasItsOwnAndGlobalResourcesAreShared() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim local0 = limiter.claim(needs("L", false, 1), 0);
        RateLimiter.Claim local1 = limiter.claim(needs("L", false, 1), 1);
        RateLimiter.Claim global0 = limiter.claim(needs("G", true, 1), 0);
        RateLimiter.Claim global1 = limiter.claim(needs("G", true, 1), 1);

        assertTrue(local0.tryAcquire());
        assertTrue(local1.tryAcquire());
        assertTrue(global0.tryAcquire());
        assertFalse(global1.tryAcquire());
    }

    @Test
    void explicitResourcesCountForEachDeviceOrForOne() {
        RateLimiter limiter = new RateLimiter(List.of(new RateResource("R", 1, ANY),
                new RateResource("R", 3, OptionalInt.of(1))));

        assertEquals(1, granted(limiter, 0, false));
        assertEquals(3, granted(limiter, 1, false));
    }

    @Test
    void theDeviceOfAnExplicitResourceIsIgnoredWhereItIsGlobal() {
        RateLimiter limiter = new RateLimiter(List.of(new RateResource("R", 2, OptionalInt.of(1))));

        assertEquals(2, granted(limiter, 0, true));
    }

    @Test
    void theSmallestOfSeveralCountsForTheSameResourceHolds() {
        RateLimiter limiter = new RateLimiter(
                List.of(new RateResource("R", 3, ANY), new RateResource("R", 2, ANY)));

        assertEquals(2, granted(limiter, 0, false));
    }

    @Test
    void refusesAnInstanceThatNeedsMoreThanThereEverIs() {
        RateLimiter limiter = new RateLimiter(List.of(new RateResource("R", 3, ANY)));

        InferenceException tooMuch = assertThrows(InferenceException.class,
                () -> limiter.claim(needs("R", false, 4), 0));
        assertEquals(StatusCode.INVALID_ARG, tooMuch.code());
        assertEquals("Resource count for \"R\" is limited to 3 which will prevent scheduling of one or more model "
                + "instances, the minimum required count is 4", tooMuch.getMessage());
        InferenceException unknown = assertThrows(InferenceException.class,
                () -> limiter.claim(needs("S", false, 1), 0));
        assertEquals("Resource count for \"S\" is limited to 0 which will prevent scheduling of one or more model "
                + "instances, the minimum required count is 1", unknown.getMessage());
        assertTrue(limiter.claim(needs("R", false, 3), 0).tryAcquire(), "what was refused is forgotten");
    }

    @Test
    void aResourceIsEitherGlobalOrOfADevice() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim local = limiter.claim(needs("R", false, 1), 0);

        InferenceException failure = assertThrows(InferenceException.class,
                () -> limiter.claim(needs("R", true, 1), 0));
        assertEquals("Resource \"R\" is present as both global and device-specific resource in the model "
                + "configuration.", failure.getMessage());
        local.close();
        assertTrue(limiter.claim(needs("R", true, 1), 0).tryAcquire());
    }

    // Whose turn it is

    @Test
    void priorityTwoGetsHalfTheChancesOfPriorityOne() {
        RateLimiter limiter = new RateLimiter(List.of());
        Contest contest = new Contest(limiter);
        contest.add("A", limiter.claim(needs("R", false, 1, 1), 0));
        contest.add("B", limiter.claim(needs("R", false, 1, 2), 0));
        contest.add("C", limiter.claim(needs("R", false, 1, 4), 0));

        List<String> executed = contest.run(700);

        assertEquals(400, executed.stream().filter("A"::equals).count());
        assertEquals(200, executed.stream().filter("B"::equals).count());
        assertEquals(100, executed.stream().filter("C"::equals).count());
    }

    @Test
    void aPriorityOfZeroIsOne() {
        RateLimiter limiter = new RateLimiter(List.of());
        Contest contest = new Contest(limiter);
        contest.add("A", limiter.claim(needs("R", false, 1, 0), 0));
        contest.add("B", limiter.claim(needs("R", false, 1, 1), 0));

        assertEquals(50, contest.run(100).stream().filter("A"::equals).count());
    }

    @Test
    void aNewcomerHasNoChancesToCatchUpOn() {
        RateLimiter limiter = new RateLimiter(List.of());
        Contest contest = new Contest(limiter);
        contest.add("A", limiter.claim(needs("R", false, 1, 1), 0));
        contest.run(1000);
        contest.add("B", limiter.claim(needs("R", false, 1, 1), 0));

        assertEquals(50, contest.run(100).stream().filter("A"::equals).count());
    }

    @Test
    void oneThatNeedsMuchIsNotStarvedByManyThatNeedLittle() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim much = limiter.claim(needs("R", false, 2), 0);
        RateLimiter.Claim little = limiter.claim(needs("R", false, 1), 0);
        RateLimiter.Claim more = limiter.claim(needs("R", false, 1), 0);
        assertTrue(little.tryAcquire());

        assertFalse(much.tryAcquire(), "there is only one left");
        assertFalse(more.tryAcquire(), "which the one before is waiting for");
        little.release(true);
        assertFalse(more.tryAcquire());
        assertTrue(much.tryAcquire());
    }

    @Test
    void whoNeedsOtherThingsIsNotHeldUp() {
        RateLimiter limiter = new RateLimiter(List.of());
        RateLimiter.Claim holder = limiter.claim(needs("R", false, 1), 0);
        RateLimiter.Claim waiter = limiter.claim(needs("R", false, 1), 0);
        RateLimiter.Claim other = limiter.claim(needs("S", false, 1), 0);
        RateLimiter.Claim nothing = limiter.claim(InstanceGroup.RateLimiter.NONE, 0);
        assertTrue(holder.tryAcquire());
        assertFalse(waiter.tryAcquire());

        assertTrue(other.tryAcquire());
        assertTrue(nothing.tryAcquire());
    }

    @Test
    void wakesThoseWhoseTurnItIs() {
        RateLimiter limiter = new RateLimiter(List.of());
        List<String> woken = new ArrayList<>();
        RateLimiter.Claim holder = limiter.claim(needs("R", false, 1), 0);
        RateLimiter.Claim first = limiter.claim(needs("R", false, 1), 0);
        RateLimiter.Claim second = limiter.claim(needs("R", false, 1), 0);
        first.onTurn(() -> {
            woken.add("first");
            assertTrue(first.tryAcquire());
        });
        second.onTurn(() -> {
            woken.add("second");
            second.withdraw();
        });
        assertTrue(holder.tryAcquire());
        assertFalse(first.tryAcquire());
        assertFalse(second.tryAcquire());
        limiter.wake();
        assertEquals(List.of(), woken);

        holder.release(true);
        limiter.wake();
        assertEquals(List.of("first"), woken);
        first.release(false);
        limiter.wake();
        assertEquals(List.of("first", "second"), woken);
        limiter.wake();
        assertEquals(List.of("first", "second"), woken, "it has left the line");
    }

    private static InstanceGroup.RateLimiter needs(String name, boolean isGlobal, int count) {
        return needs(name, isGlobal, count, 0);
    }

    private static InstanceGroup.RateLimiter needs(String name, boolean isGlobal, int count, int priority) {
        return new InstanceGroup.RateLimiter(List.of(new InstanceGroup.Resource(name, isGlobal, count)), priority);
    }

    /** Returns how many of five instances that need one of R each get it at the same time. */
    private static int granted(RateLimiter limiter, int device, boolean isGlobal) {
        int granted = 0;
        for (int i = 0; i < 5; i++) {
            granted += limiter.claim(needs("R", isGlobal, 1), device).tryAcquire() ? 1 : 0;
        }
        return granted;
    }

    /** Instances that always have work. */
    private static final class Contest {
        private final RateLimiter limiter;
        private final Map<RateLimiter.Claim, String> names = new LinkedHashMap<>();
        private final ArrayDeque<RateLimiter.Claim> holders = new ArrayDeque<>();

        Contest(RateLimiter limiter) {
            this.limiter = limiter;
        }

        void add(String name, RateLimiter.Claim claim) {
            names.put(claim, name);
            claim.onTurn(() -> attempt(claim));
        }

        private void attempt(RateLimiter.Claim claim) {
            if (claim.tryAcquire()) {
                holders.addLast(claim);
            }
        }

        /** Returns who executed, in order. */
        List<String> run(int executions) {
            names.keySet().forEach(this::attempt);
            List<String> executed = new ArrayList<>();
            while (executed.size() < executions) {
                RateLimiter.Claim claim = holders.removeFirst();
                executed.add(names.getOrDefault(claim, ""));
                claim.release(true);
                attempt(claim);
                limiter.wake();
            }
            names.keySet().forEach(RateLimiter.Claim::withdraw);
            holders.forEach(claim -> claim.release(false));
            holders.clear();
            return executed;
        }
    }
}

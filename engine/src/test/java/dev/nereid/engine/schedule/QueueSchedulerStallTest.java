package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.engine.EngineOptions.RateResource;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.instance.RateLimiter;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import dev.nereid.engine.schedule.SchedulerFixture.Open;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** A scheduler that can't progress says so; one that has a reason to wait does not. */
class QueueSchedulerStallTest {
    private static final long LIMIT = TimeUnit.SECONDS.toNanos(30);
    private static final long LONGER_MICROS = TimeUnit.SECONDS.toMicros(31);

    /** Keeps its requests. */
    private static final class Stuck implements RequestQueue {
        private final List<ActiveRequest> requests = new ArrayList<>();
        private boolean isOpen;

        @Override
        public void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
            requests.add(request);
        }

        @Override
        public List<ActiveRequest> poll(Instance instance, long now,
                BiConsumer<ActiveRequest, InferenceException> drop) {
            return isOpen ? drain() : List.of();
        }

        @Override
        public boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
            return isOpen && !requests.isEmpty();
        }

        @Override
        public void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        }

        @Override
        public long nextEvent(boolean mayPoll) {
            return NEVER;
        }

        @Override
        public void endArrivals() {
            isOpen = true;
        }

        @Override
        public List<ActiveRequest> drain() {
            List<ActiveRequest> all = List.copyOf(requests);
            requests.clear();
            return all;
        }

        @Override
        public int size() {
            return requests.size();
        }
    }

    @Test
    void saysThatRequestsWaitThoughAnInstanceIsFree() {
        try (SchedulerFixture rig = new SchedulerFixture(new Stuck(), false)) {
            rig.add("free", new Open());
            RecordingSink _ = rig.submit("a");
            assertEquals(Optional.empty(), rig.scheduler.stall(LIMIT));

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.of("requests wait though an instance is free"), rig.scheduler.stall(LIMIT));
        }
    }

    @Test
    void isPatientWithInstancesThatWaitForResourcesOfOtherModels() {
        RateLimiter limiter = new RateLimiter(List.of(new RateResource("R", 1, OptionalInt.empty())));
        InstanceGroup.RateLimiter needs = new InstanceGroup.RateLimiter(
                List.of(new InstanceGroup.Resource("R", false, 1)), 0);
        try (SchedulerFixture other = new SchedulerFixture(new DirectQueue(100), false, limiter);
                SchedulerFixture rig = new SchedulerFixture(new DirectQueue(100), false, limiter)) {
            Gated busy = new Gated();
            other.add("busy", limiter.claim(needs, 0), busy);
            RecordingSink executed = other.submit("a");
            assertEquals(List.of("a"), busy.next());
            rig.add("free", limiter.claim(needs, 0), new Open());
            RecordingSink waiting = rig.submit("b");

            rig.time.advanceMicros(LONGER_MICROS);
            Optional<String> stall = rig.scheduler.stall(LIMIT);
            busy.let(1);
            executed.await();
            waiting.await();
            assertEquals(Optional.empty(), stall);
        }
    }

    @Test
    void isPatientWithLongExecutions() {
        try (SchedulerFixture rig = SchedulerFixture.direct()) {
            Gated busy = new Gated();
            rig.add("busy", busy);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), busy.next());
            RecordingSink b = rig.submit("b");

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.empty(), rig.scheduler.stall(LIMIT));
            busy.let(2);
            a.await();
            b.await();
        }
    }

    @Test
    void isPatientWithALongQueueDelay() {
        try (SchedulerFixture rig = SchedulerFixture.batching(8, 10 * LONGER_MICROS, QueuePolicy.DEFAULT)) {
            rig.add("free", new Open());
            RecordingSink _ = rig.submit("a");

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.empty(), rig.scheduler.stall(LIMIT));
        }
    }
}

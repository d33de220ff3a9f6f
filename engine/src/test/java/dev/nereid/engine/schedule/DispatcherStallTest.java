package dev.nereid.engine.schedule;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.engine.request.EngineRequest;
import dev.nereid.engine.schedule.Rig.Gated;
import dev.nereid.engine.schedule.Rig.Open;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.Test;

/** A dispatcher that can't progress says so; one that has a reason to wait does not. */
class DispatcherStallTest {
    private static final long LIMIT = TimeUnit.SECONDS.toNanos(30);
    private static final long LONGER_MICROS = TimeUnit.SECONDS.toMicros(31);

    /** Keeps its requests. */
    private static final class Stuck implements RequestQueue {
        private final List<EngineRequest> requests = new ArrayList<>();
        private boolean isOpen;

        @Override
        public void offer(EngineRequest request, long now) {
            requests.add(request);
        }

        @Override
        public List<EngineRequest> poll(long now, BiConsumer<EngineRequest, InferenceException> drop) {
            return isOpen ? drain() : List.of();
        }

        @Override
        public boolean isDue(long now, BiConsumer<EngineRequest, InferenceException> drop) {
            return isOpen && !requests.isEmpty();
        }

        @Override
        public void expire(long now, BiConsumer<EngineRequest, InferenceException> drop) {
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
        public List<EngineRequest> drain() {
            List<EngineRequest> all = List.copyOf(requests);
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
        try (Rig rig = new Rig(new Stuck(), false)) {
            rig.add("free", new Open());
            RecordingSink _ = rig.submit("a");
            assertEquals(Optional.empty(), rig.dispatcher.stall(LIMIT));

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.of("requests wait though an instance is free"), rig.dispatcher.stall(LIMIT));
        }
    }

    @Test
    void isPatientWithLongExecutions() {
        try (Rig rig = Rig.direct()) {
            Gated busy = new Gated();
            rig.add("busy", busy);
            RecordingSink a = rig.submit("a");
            assertEquals(List.of("a"), busy.next());
            RecordingSink b = rig.submit("b");

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.empty(), rig.dispatcher.stall(LIMIT));
            busy.let(2);
            a.await();
            b.await();
        }
    }

    @Test
    void isPatientWithALongQueueDelay() {
        try (Rig rig = Rig.batching(8, 10 * LONGER_MICROS, QueuePolicy.DEFAULT)) {
            rig.add("free", new Open());
            RecordingSink _ = rig.submit("a");

            rig.time.advanceMicros(LONGER_MICROS);
            assertEquals(Optional.empty(), rig.dispatcher.stall(LIMIT));
        }
    }
}

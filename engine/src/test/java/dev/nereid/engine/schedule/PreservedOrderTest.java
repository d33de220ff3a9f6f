package dev.nereid.engine.schedule;

import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.SchedulerFixture.Gated;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

/** Answers in the order of the requests. */
@Timeout(60)
class PreservedOrderTest {
    @Test
    void answersLeaveInTheOrderOfTheRequestsWhereThatIsPromised() {
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        try (SchedulerFixture rig = SchedulerFixture.inOrder()) {
            Gated slow = new Gated();
            Gated fast = new Gated();
            rig.add("slow", slow);
            rig.add("fast", fast);
            RecordingSink a = new RecordingSink(() -> order.add("a"));
            RecordingSink b = new RecordingSink(() -> order.add("b"));
            RecordingSink c = new RecordingSink(() -> order.add("c"));
            rig.scheduler.submit(rig.requests.one("a", a));
            rig.scheduler.submit(rig.requests.one("b", b));
            rig.scheduler.submit(rig.requests.one("c", c));
            assertEquals(List.of("a"), slow.next());
            fast.let(2);
            assertEquals(List.of("b"), fast.next());
            assertEquals(List.of("c"), fast.next());
            Waiting.until("b and c are executed", () -> rig.statistics.success().count() == 2);
            assertFalse(b.isDone());

            slow.let(1);
            a.await();
            b.await();
            c.await();
            assertEquals(List.of("a", "b", "c"), order);
        }
    }

    @Test
    void aCancelledRequestDoesNotHoldUpTheOrder() {
        try (SchedulerFixture rig = SchedulerFixture.inOrder()) {
            Gated instance = new Gated();
            rig.add("m_0", instance);
            RecordingSink a = rig.submit("a");
            RecordingSink gone = new RecordingSink();
            ActiveRequest cancelled = rig.requests.one("gone", gone);
            rig.scheduler.submit(cancelled);
            RecordingSink c = rig.submit("c");
            cancelled.cancel();
            assertFalse(gone.isDone(), "its turn has not come");

            instance.let(2);
            a.await();
            assertEquals(List.of("failure CANCELLED"), gone.await().events());
            c.await();
        }
    }
}

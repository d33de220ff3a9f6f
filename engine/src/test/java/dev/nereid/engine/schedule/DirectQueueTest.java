package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

class DirectQueueTest {
    private static final long NOW = 77;

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 0);
    private final TestRequests requests = new TestRequests(pool, () -> NOW);
    private final DirectQueue queue = new DirectQueue(3);
    private final List<String> dropped = new ArrayList<>();

    @Test
    void everyRequestIsAnExecutionInOrderOfArrival() {
        offer("a");
        offer("b");

        assertEquals(List.of("a"), poll());
        assertEquals(List.of("b"), poll());
        assertEquals(List.of(), poll());
    }

    @Test
    void refusesWhatPassesTheBound() {
        offer("a");
        offer("b");
        offer("c");

        InferenceException failure = assertThrows(InferenceException.class, () -> offer("d"));

        assertEquals(StatusCode.UNAVAILABLE, failure.code());
        assertEquals("[request id: d] Exceeds maximum queue size", failure.getMessage());
        assertEquals(3, queue.size());
    }

    @Test
    void cancelledRequestsLeaveWithoutBeingExecuted() {
        ActiveRequest gone = offer("gone");
        offer("a");
        gone.cancel();

        assertEquals(List.of("a"), poll());
        assertEquals(List.of("gone"), dropped);
    }

    @Test
    void cancelledRequestsLeaveAlsoWhileNoInstanceIsFree() {
        offer("a");
        offer("gone").cancel();

        queue.expire(NOW, (request, error) -> dropped.add(request.id() + " " + error.code()));

        assertEquals(List.of("gone CANCELLED"), dropped);
        assertEquals(1, queue.size());
    }

    @Test
    void nothingEverBecomesDue() {
        offer("a");

        assertEquals(RequestQueue.NEVER, queue.nextEvent(true));
        assertEquals(RequestQueue.NEVER, queue.nextEvent(false));
    }

    @Test
    void drainingLeavesNothing() {
        offer("a");
        offer("b");

        assertEquals(List.of("a", "b"), queue.drain().stream().map(ActiveRequest::id).toList());
        assertEquals(0, queue.size());
    }

    private ActiveRequest offer(String id) {
        ActiveRequest request = requests.id(id).build();
        queue.offer(request, NOW, (other, error) -> {
        });
        return request;
    }

    private List<String> poll() {
        return queue.poll(BatchingQueueTesting.NOBODY, NOW, (request, error) -> dropped.add(request.id())).stream()
                .map(ActiveRequest::id).toList();
    }
}

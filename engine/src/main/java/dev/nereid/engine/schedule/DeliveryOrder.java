package dev.nereid.engine.schedule;

import dev.nereid.engine.request.EngineRequest;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;

/**
 * Holds answers back until those to all earlier requests have left. Threads: any. The lock is held while answers are
 * delivered, since two threads could otherwise pass each other; sinks don't block.
 */
final class DeliveryOrder {
    private final ArrayDeque<EngineRequest> inOrder = new ArrayDeque<>();
    private final Set<EngineRequest> ready = new HashSet<>();

    /** Notes a request, in the order of arrival. */
    synchronized void arrived(EngineRequest request) {
        inOrder.addLast(request);
    }

    /** Notes that a request is answered, and delivers every answer that may leave now. */
    synchronized void answered(EngineRequest request) {
        ready.add(request);
        while (!inOrder.isEmpty() && ready.remove(inOrder.peekFirst())) {
            inOrder.removeFirst().deliver();
        }
    }
}

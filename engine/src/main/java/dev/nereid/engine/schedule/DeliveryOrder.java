package dev.nereid.engine.schedule;

import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Holds answers back until those to all earlier requests have left. Threads: any. One thread at a time delivers, without
 * the lock, all that may leave; who has an answer meanwhile leaves it to that one.
 */
final class DeliveryOrder {
    private final Consumer<ActiveRequest> delivery;
    private final ArrayDeque<ActiveRequest> inOrder = new ArrayDeque<>();
    private final Set<ActiveRequest> ready = new HashSet<>();
    private boolean isDelivering;

    DeliveryOrder(Consumer<ActiveRequest> delivery) {
        this.delivery = delivery;
    }

    /** Notes a request, in the order of arrival. */
    synchronized void arrived(ActiveRequest request) {
        inOrder.addLast(request);
    }

    /** Notes that a request is answered, and delivers every answer that may leave now. */
    void answered(ActiveRequest request) {
        if (!add(request)) {
            return;
        }
        for (ActiveRequest next = next(); next != null; next = next()) {
            delivery.accept(next);
        }
    }

    /** Returns whether the current thread is to deliver. */
    private synchronized boolean add(ActiveRequest request) {
        ready.add(request);
        boolean isFirst = !isDelivering;
        isDelivering = true;
        return isFirst;
    }

    private synchronized @Nullable ActiveRequest next() {
        if (!inOrder.isEmpty() && ready.remove(inOrder.peekFirst())) {
            return inOrder.removeFirst();
        }
        isDelivering = false;
        return null;
    }
}

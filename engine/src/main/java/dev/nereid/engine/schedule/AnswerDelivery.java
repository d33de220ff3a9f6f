package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.WaitingListener;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Delivers the answers to requests that are done with queue and instances, and knows how many have yet to leave. Threads:
 * any; listeners are called on the thread that delivers, without a lock.
 */
final class AnswerDelivery {
    private final ModelStatistics statistics;
    private final LongSupplier clock;
    private final @Nullable DeliveryOrder order;
    private final boolean isOrderOfExecutions;
    private final Runnable onNone;
    private final AtomicInteger waiting = new AtomicInteger();

    /**
     * Creates it without answers.
     *
     * @param keepsOrder whether answers leave in the order of the requests
     * @param isOrderOfExecutions whether that is the order in which they were executed, not that of their arrival
     * @param onNone called whenever the last of the waiting answers has left
     */
    AnswerDelivery(ModelStatistics statistics, LongSupplier clock, boolean keepsOrder, boolean isOrderOfExecutions,
            Runnable onNone) {
        this.statistics = statistics;
        this.clock = clock;
        this.order = keepsOrder ? new DeliveryOrder(this::deliverNow) : null;
        this.isOrderOfExecutions = isOrderOfExecutions;
        this.onNone = onNone;
    }

    /** A request that left the queue without being executed. */
    record Dropped(ActiveRequest request, InferenceException error, FailureReason reason) {
    }

    /** Notes a request that was queued. */
    void queued(ActiveRequest request) {
        if (order != null && !isOrderOfExecutions) {
            order.arrived(request);
        }
    }

    /** Notes a request that is to be executed for the first time. */
    void executing(ActiveRequest request) {
        if (order != null && isOrderOfExecutions) {
            order.arrived(request);
        }
    }

    /** Counts answers that are about to be delivered. */
    void expect(int answers) {
        waiting.addAndGet(answers);
    }

    /** Returns how many answers were expected and have not left. */
    int waiting() {
        return waiting.get();
    }

    /** Delivers an answer, or leaves it to whoever delivers those that come before it. It was counted. */
    void deliver(ActiveRequest request) {
        if (order == null) {
            deliverNow(request);
        } else {
            order.answered(request);
        }
    }

    /**
     * Delivers the answers of a batch. To wake many waiting threads takes longer than to form a batch: whoever is in a
     * hurry wakes one of those threads, which delivers to the others. They were counted.
     */
    void deliver(List<ActiveRequest> requests, boolean isInHurry) {
        if (isInHurry && requests.size() > 1) {
            for (ActiveRequest request : requests) {
                WaitingListener lender = request.lender();
                if (lender != null && !lender.isOfCurrentThread()
                        && lender.assign(() -> requests.forEach(this::deliver))) {
                    return;
                }
            }
        }
        for (int i = 0; i < requests.size(); i++) {
            deliver(requests.get(i));
        }
    }

    /** Fails requests that were not executed, and tells them. They were counted. */
    void deliverDropped(List<Dropped> requests) {
        for (Dropped each : requests) {
            boolean wasExecuted = each.request().isRepeated();
            if (!wasExecuted) {
                statistics.addPending(-1);
            }
            each.request().failUnanswered(each.error(), each.reason());
            statistics.recordFailure(each.reason(), clock.getAsLong() - each.request().startNanos());
            if (isOrderOfExecutions && !wasExecuted) {
                // Its place in the order would have been taken with its execution.
                deliverNow(each.request());
            } else {
                deliver(each.request());
            }
        }
    }

    private void deliverNow(ActiveRequest request) {
        request.deliver();
        if (waiting.decrementAndGet() == 0) {
            onNone.run();
        }
    }
}

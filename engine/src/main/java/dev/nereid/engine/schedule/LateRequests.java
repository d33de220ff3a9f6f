package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Requests whose execution has returned, but whose backend has yet to answer, and who executed each. Threads: any. */
final class LateRequests {
    private final ConcurrentHashMap<ActiveRequest, Instance> executedBy = new ConcurrentHashMap<>();
    /** Why requests are ended as soon as they are late; null while there is time to wait for them. */
    private volatile @Nullable InferenceException endReason;

    /**
     * Adds a request whose execution has returned. Returns false, and adds nothing, where its answer came just now.
     *
     * @param onAnswer gets the request once its answer is there, on the thread that answers, and is to remove it
     */
    boolean add(ActiveRequest request, Instance instance, Consumer<ActiveRequest> onAnswer) {
        executedBy.put(request, instance);
        if (request.leavesBatch(onAnswer)) {
            InferenceException reason = endReason;
            if (reason != null) {
                request.endLate(reason);
            }
            return true;
        }
        executedBy.remove(request);
        return false;
    }

    void remove(ActiveRequest request) {
        executedBy.remove(request);
    }

    boolean contains(ActiveRequest request) {
        return executedBy.containsKey(request);
    }

    /** Returns whether a request of that instance has yet to be answered, so that it can't be closed. */
    boolean hasOneOf(Instance instance) {
        return executedBy.containsValue(instance);
    }

    boolean isEmpty() {
        return executedBy.isEmpty();
    }

    int size() {
        return executedBy.size();
    }

    /** Ends all requests that are late, and from here on each that becomes so. */
    void end(InferenceException reason) {
        endReason = reason;
        executedBy.forEach((request, _) -> request.endLate(reason));
    }
}

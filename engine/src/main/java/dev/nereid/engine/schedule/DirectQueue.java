package dev.nereid.engine.schedule;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiConsumer;

/** First come, first served; every request is an execution of its own. */
final class DirectQueue implements RequestQueue {
    private final ArrayDeque<ActiveRequest> requests = new ArrayDeque<>();
    private final int maxSize;

    DirectQueue(int maxSize) {
        this.maxSize = maxSize;
    }

    @Override
    public void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        if (requests.size() >= maxSize) {
            throw new InferenceException(StatusCode.UNAVAILABLE,
                    RequestIds.prefix(request) + "Exceeds maximum queue size");
        }
        requests.addLast(request);
    }

    @Override
    public List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        for (ActiveRequest request = requests.pollFirst(); request != null; request = requests.pollFirst()) {
            if (!request.isCancelled()) {
                return List.of(request);
            }
            drop.accept(request, new InferenceException(StatusCode.CANCELLED, ""));
        }
        return List.of();
    }

    @Override
    public boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        for (ActiveRequest request = requests.peekFirst(); request != null; request = requests.peekFirst()) {
            if (!request.isCancelled()) {
                return true;
            }
            requests.removeFirst();
            drop.accept(request, new InferenceException(StatusCode.CANCELLED, ""));
        }
        return false;
    }

    @Override
    public void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        for (Iterator<ActiveRequest> each = requests.iterator(); each.hasNext();) {
            ActiveRequest request = each.next();
            if (request.isCancelled()) {
                each.remove();
                drop.accept(request, new InferenceException(StatusCode.CANCELLED, ""));
            }
        }
    }

    @Override
    public long nextEvent(boolean mayPoll) {
        return NEVER;
    }

    @Override
    public void endArrivals() {
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

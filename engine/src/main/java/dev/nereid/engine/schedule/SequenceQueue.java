package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.schedule.sequence.SequenceBatcher;
import java.util.List;
import java.util.function.BiConsumer;

/** The requests of a model with sequence batching, each bound to the instance that has its sequence. */
final class SequenceQueue implements RequestQueue {
    private final SequenceBatcher batcher;

    SequenceQueue(SequenceBatcher batcher) {
        this.batcher = batcher;
    }

    @Override
    public void offer(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.offer(request, now, drop);
    }

    @Override
    public List<ActiveRequest> poll(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        return batcher.poll(instance, now, drop);
    }

    @Override
    public boolean isDue(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        return batcher.isDue(instance, now, drop);
    }

    @Override
    public void expire(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.expire(now, drop);
    }

    @Override
    public long nextEvent(boolean mayPoll) {
        return batcher.nextEvent(mayPoll);
    }

    @Override
    public void endArrivals() {
        batcher.refuseSequences();
    }

    @Override
    public void refuseSequences() {
        batcher.refuseSequences();
    }

    @Override
    public void endSequences(long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.endAll(now, drop);
    }

    @Override
    public List<ActiveRequest> drain() {
        return batcher.drain();
    }

    @Override
    public int size() {
        return batcher.waiting();
    }

    @Override
    public boolean bindsInstances() {
        return true;
    }

    @Override
    public void added(Instance instance, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.add(instance, now, drop);
    }

    @Override
    public void retires(Instance instance) {
        batcher.retire(instance);
    }

    @Override
    public boolean needs(Instance instance) {
        return batcher.serves(instance);
    }

    @Override
    public void executed(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.executed(request, now, drop);
    }

    @Override
    public boolean isIterative() {
        return batcher.isIterative();
    }

    @Override
    public void mayBeExecutedAgain(ActiveRequest request, long now) {
        batcher.mayBeExecutedAgain(request, now);
    }

    @Override
    public void executedAgain(ActiveRequest request, long now, BiConsumer<ActiveRequest, InferenceException> drop) {
        batcher.executedAgain(request, now, drop);
    }

    @Override
    public boolean hasWork(Instance instance) {
        return batcher.hasWork(instance);
    }

    @Override
    public boolean isFinished() {
        return batcher.isEmpty();
    }

    @Override
    public int backlog() {
        return batcher.backlog();
    }

    @Override
    public int running() {
        return batcher.running();
    }

    @Override
    public boolean isOpen(CorrelationId sequence) {
        return batcher.isOpen(sequence);
    }

    @Override
    public List<String> takeWarnings() {
        return batcher.takeWarnings();
    }
}

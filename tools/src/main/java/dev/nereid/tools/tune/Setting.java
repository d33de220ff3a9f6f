package dev.nereid.tools.tune;

import java.util.ArrayList;
import java.util.List;

/**
 * What can be set for a model.
 *
 * @param instances how many instances there are
 * @param threads threads of each instance; 0 leaves that to the backend
 * @param maxBatch rows of a batch at most; 0 for a model whose tensors have no batch dimension
 * @param batches whether requests of several clients are executed together
 * @param delayMicros how long a batch that is not full may wait for company
 */
record Setting(int instances, int threads, int maxBatch, boolean batches, long delayMicros) {
    /** Returns this setting with another number of instances and threads. */
    Setting withSplit(int newInstances, int newThreads) {
        return new Setting(newInstances, newThreads, maxBatch, batches, delayMicros);
    }

    /** Returns how many rows an execution may have that requests of one row make up. */
    int largestBatch() {
        return batches ? Math.max(1, maxBatch) : 1;
    }

    @Override
    public String toString() {
        List<String> parts = new ArrayList<>();
        parts.add(instances + (instances == 1 ? " instance" : " instances"));
        if (threads > 0) {
            parts.add(threads + (threads == 1 ? " thread" : " threads"));
        }
        if (batches) {
            parts.add("batches of up to " + maxBatch);
            if (delayMicros > 0) {
                parts.add("delay " + delayMicros + " µs");
            }
        } else {
            parts.add("no batching");
        }
        return String.join(", ", parts);
    }
}

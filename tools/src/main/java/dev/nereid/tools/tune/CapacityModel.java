package dev.nereid.tools.tune;

/**
 * What a setting can be expected to do, from the times of single executions: enough to tell which settings are worth a
 * measurement, not to replace it. Requests have one row and come at random times.
 *
 * <p>A request waits for the execution under way to end, maybe for those queued before it, for the delay, and is then
 * executed with whatever came meanwhile. In balance a batch has as many rows as come while an execution takes place.
 */
final class CapacityModel {
    /** One request in a hundred waits longer. */
    private static final double TAIL = Math.log(100);
    private static final int STEPS = 60;

    private final ExecutionCurve curve;
    private final Setting setting;

    /**
     * Creates a model.
     *
     * @param curve of one instance while as many work as the setting has
     */
    CapacityModel(ExecutionCurve curve, Setting setting) {
        this.curve = curve;
        this.setting = setting;
    }

    /** Returns how many rows a second all instances execute in batches of that size. */
    private double throughput(double rows) {
        return setting.instances() * rows / curve.at(rows);
    }

    /** Returns the highest throughput that there is, whatever the latency. */
    double capacity() {
        double best = 0;
        for (int rows = 1; rows <= setting.largestBatch(); rows++) {
            best = Math.max(best, throughput(rows));
        }
        return best;
    }

    /** Returns how many rows a batch has at a rate of requests, once things are in balance. */
    double batchAt(double rate) {
        double low = 1;
        double high = setting.largestBatch();
        double delayed = 1 + rate / setting.instances() * setting.delayMicros() / 1e6;
        if (throughput(low) >= rate) {
            return Math.min(high, Math.max(low, delayed));
        }
        for (int i = 0; i < STEPS; i++) {
            double middle = (low + high) / 2;
            if (throughput(middle) >= rate) {
                high = middle;
            } else {
                low = middle;
            }
        }
        return Math.min(setting.largestBatch(), Math.max(high, delayed));
    }

    /** Returns the 99th percentile of the latency at a rate, in seconds; infinite where the rate is too high. */
    double p99At(double rate) {
        double capacity = capacity();
        double load = rate / capacity;
        if (load >= 1) {
            return Double.POSITIVE_INFINITY;
        }
        double rows = batchAt(rate);
        double execution = curve.at(rows);
        double delay = rows < setting.largestBatch() ? setting.delayMicros() / 1e6 : 0;
        // All instances are busy with about this probability; then the next becomes free within one execution's share.
        double untilFree = execution / setting.instances() * Math.min(1, load * 2);
        double queue = load * TAIL / (2 * (1 - load)) / capacity;
        return delay + untilFree + queue + execution;
    }

    /** Returns the highest rate whose 99th percentile keeps the goal, in requests a second; 0 where none does. */
    double rateWithin(double goalSeconds) {
        double low = 0;
        double high = capacity();
        for (int i = 0; i < STEPS; i++) {
            double middle = (low + high) / 2;
            if (p99At(middle) <= goalSeconds) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return low;
    }
}

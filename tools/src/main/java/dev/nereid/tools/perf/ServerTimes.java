package dev.nereid.tools.perf;

import dev.nereid.json.JsonValue;

/**
 * What the server counted, from its start or between two points in time. Times are sums, in nanoseconds.
 *
 * @param requests the requests that succeeded
 * @param executions the batches that were executed
 * @param inferences the inferences in them
 * @param queueNanos how long requests waited
 * @param inputNanos how long their inputs were prepared
 * @param inferNanos how long they were computed
 * @param outputNanos how long their outputs were taken over
 */
record ServerTimes(long requests, long executions, long inferences, long queueNanos, long inputNanos, long inferNanos,
        long outputNanos) {
    static final ServerTimes ZERO = new ServerTimes(0, 0, 0, 0, 0, 0, 0);

    /** Reads the answer of the statistics endpoint; the versions of the model are added up. */
    static ServerTimes of(JsonValue statistics) {
        ServerTimes sum = ZERO;
        for (JsonValue model : statistics.member("model_stats").elements()) {
            JsonValue times = model.member("inference_stats");
            sum = sum.plus(new ServerTimes(times.member("success").member("count").asLong(),
                    model.member("execution_count").asLong(), model.member("inference_count").asLong(),
                    nanos(times, "queue"), nanos(times, "compute_input"), nanos(times, "compute_infer"),
                    nanos(times, "compute_output")));
        }
        return sum;
    }

    private static long nanos(JsonValue times, String name) {
        return times.member(name).member("ns").asLong();
    }

    /** Returns what was counted since {@code earlier}. */
    ServerTimes since(ServerTimes earlier) {
        return plus(earlier, -1);
    }

    /** Returns the sum of both. */
    ServerTimes plus(ServerTimes other) {
        return plus(other, 1);
    }

    private ServerTimes plus(ServerTimes other, int sign) {
        return new ServerTimes(requests + sign * other.requests, executions + sign * other.executions,
                inferences + sign * other.inferences, queueNanos + sign * other.queueNanos,
                inputNanos + sign * other.inputNanos, inferNanos + sign * other.inferNanos,
                outputNanos + sign * other.outputNanos);
    }

    /** Returns a sum of times as microseconds for each request. */
    double microsPerRequest(long nanos) {
        return requests <= 0 ? 0 : nanos / 1e3 / requests;
    }

    /** Returns all that is counted of a request inside the server, in microseconds. */
    double totalMicrosPerRequest() {
        return microsPerRequest(queueNanos + inputNanos + inferNanos + outputNanos);
    }

    /** Returns the mean number of inferences in an executed batch. */
    double meanBatch() {
        return executions <= 0 ? 0 : (double) inferences / executions;
    }
}

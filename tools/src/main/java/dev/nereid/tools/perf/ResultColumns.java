package dev.nereid.tools.perf;

import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;

/** The columns that table, CSV file and report have in common. */
final class ResultColumns {
    private static final String BATCH = "Server Batch";
    private static final String DELAY = "Send Delay";

    /** The percentiles that are shown. */
    static final List<Double> PERCENTILES = List.of(50.0, 90.0, 95.0, 99.0, 99.9);

    /**
     * A column.
     *
     * @param name its name in the CSV file
     * @param title its heading on the terminal; empty where it is only in the files
     * @param decimals how many digits to show behind the point on the terminal
     * @param needsServer whether it is empty where the server does not say what it counts
     * @param value what stands in it; microseconds where it is a time
     */
    record Column(String name, String title, int decimals, boolean needsServer, ToDoubleFunction<LevelResult> value) {
        /** Returns whether it is a part of the mean latency: together these columns make up the whole. */
        boolean isPartOfLatency() {
            return (needsServer && !name.equals(BATCH)) || name.equals(DELAY);
        }
    }

    private ResultColumns() {
    }

    /** Returns the columns of those results. */
    static List<Column> of(LevelResult result) {
        return of(result.level() instanceof LoadLevel.RequestRate, result.window().streams().isPresent());
    }

    /**
     * Returns the columns behind the first, which is the level itself.
     *
     * @param isOpenLoop whether requests are sent at a rate
     * @param isStreaming whether they may have several responses
     */
    static List<Column> of(boolean isOpenLoop, boolean isStreaming) {
        List<Column> columns = new ArrayList<>();
        columns.add(new Column("Inferences/Second", "infer/s", 1, false, LevelResult::inferencesPerSecond));
        columns.add(new Column("Avg latency", "avg", 0, false, result -> result.window().meanMicros()));
        for (double percentile : PERCENTILES) {
            String name = "p" + trimmed(percentile);
            columns.add(new Column(name + " latency", name, 0, false,
                    result -> result.window().percentileMicros(percentile)));
        }
        columns.add(new Column("Max latency", "max", 0, false, result -> result.window().percentileMicros(100)));
        if (isStreaming) {
            addResponses(columns);
        }
        if (isOpenLoop) {
            columns.add(
                    new Column(DELAY, "delay", 0, false, result -> result.window().delays().getMean() / 1e3));
        }
        columns.add(server("Server Queue", "queue", ServerTimes::queueNanos));
        columns.add(server("Server Compute Input", "input", ServerTimes::inputNanos));
        columns.add(server("Server Compute Infer", "infer", ServerTimes::inferNanos));
        columns.add(server("Server Compute Output", "output", ServerTimes::outputNanos));
        columns.add(new Column("Network+Server Send/Recv", "rest", 1, true, LevelResult::outsideMicros));
        columns.add(new Column(BATCH, "batch", 1, true, result -> result.window().serverTimes().meanBatch()));
        columns.add(new Column("Errors", "errors", 0, false, LevelResult::failures));
        return columns;
    }

    private static void addResponses(List<Column> columns) {
        columns.add(new Column("Responses/Second", "resp/s", 1, false, result -> result.window().responsesPerSecond()));
        columns.add(stream("Avg first response", "", times -> times.first().getMean() / 1e3));
        for (double percentile : PERCENTILES) {
            columns.add(stream("p" + trimmed(percentile) + " first response", title(percentile, "first"),
                    times -> times.firstMicros(percentile)));
        }
        columns.add(stream("Avg between responses", "", times -> times.between().getMean() / 1e3));
        for (double percentile : PERCENTILES) {
            columns.add(stream("p" + trimmed(percentile) + " between responses", title(percentile, "between"),
                    times -> times.betweenMicros(percentile)));
        }
    }

    /** Only two of the percentiles fit into a terminal. */
    private static String title(double percentile, String what) {
        return percentile == 50 || percentile == 99 ? what + " p" + trimmed(percentile) : "";
    }

    private static Column stream(String name, String title, ToDoubleFunction<StreamTimes> value) {
        return new Column(name, title, 0, false,
                result -> result.window().streams().map(value::applyAsDouble).orElse(0.0));
    }

    private static Column server(String name, String title, ToLongFunction<ServerTimes> nanos) {
        return new Column(name, title, 1, true, result -> result.window().serverTimes()
                .microsPerRequest(nanos.applyAsLong(result.window().serverTimes())));
    }

    /** Returns a percentile without a fraction of zero: {@code 99}, {@code 99.9}. */
    static String trimmed(double percentile) {
        return percentile == Math.rint(percentile) ? Long.toString((long) percentile) : Double.toString(percentile);
    }
}

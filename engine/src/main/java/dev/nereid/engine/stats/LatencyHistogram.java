package dev.nereid.engine.stats;

import java.util.Arrays;
import java.util.List;

/** The histograms of a model's latencies. Names and default bounds are those that the reference's users agreed on. */
public enum LatencyHistogram {
    /** From the request to its first response. */
    FIRST_RESPONSE("nv_inference_first_response_histogram_ms",
            "Duration from request to first response in milliseconds", 1e6, "100 500 2000 5000"),
    /** The whole request. */
    REQUEST("nv_inference_request_duration_histogram_us", "Histogram of inference request duration in microseconds",
            1e3, "1000 5000 25000 50000 100000"),
    /** Waiting for an instance. */
    QUEUE("nv_inference_queue_duration_histogram_us", "Histogram of inference queuing duration in microseconds", 1e3,
            "100 1000 5000 10000 50000"),
    /** Gathering inputs. */
    COMPUTE_INPUT("nv_inference_compute_input_duration_histogram_us",
            "Histogram of compute input duration in microseconds", 1e3,
            "100 500 1000 5000 10000"),
    /** The computation. */
    COMPUTE_INFER("nv_inference_compute_infer_duration_histogram_us",
            "Histogram of compute inference duration in microseconds", 1e3,
            "1000 5000 25000 50000 100000"),
    /** Writing outputs. */
    COMPUTE_OUTPUT("nv_inference_compute_output_duration_histogram_us",
            "Histogram of compute output duration in microseconds", 1e3,
            "100 500 1000 5000 10000");

    private final String family;
    private final String help;
    private final double nanosPerUnit;
    /** Upper bounds separated by blanks: an enum holds only what can't change. */
    private final String defaultBounds;

    LatencyHistogram(String family, String help, double nanosPerUnit, String defaultBounds) {
        this.family = family;
        this.help = help;
        this.nanosPerUnit = nanosPerUnit;
        this.defaultBounds = defaultBounds;
    }

    /** Returns the name of the metric, by which a model's configuration may set other bounds. */
    public String family() {
        return family;
    }

    /** Returns the help text of the metric. */
    public String help() {
        return help;
    }

    double nanosPerUnit() {
        return nanosPerUnit;
    }

    List<Double> defaultBounds() {
        return Arrays.stream(defaultBounds.split(" ", -1)).map(Double::valueOf).toList();
    }
}

package dev.nereid.server.stats;

import java.util.List;

/** The histograms of a model's latencies. Names and default bounds are those that the reference's users agreed on. */
public enum LatencyHistogram {
    /** From the request to its first response. */
    FIRST_RESPONSE("nv_inference_first_response_histogram_ms",
            "Duration from request to first response in milliseconds", 1e6, List.of(100.0, 500.0, 2000.0, 5000.0)),
    /** The whole request. */
    REQUEST("nv_inference_request_duration_histogram_us", "Histogram of inference request duration in microseconds",
            1e3, List.of(1000.0, 5000.0, 25_000.0, 50_000.0, 100_000.0)),
    /** Waiting for an instance. */
    QUEUE("nv_inference_queue_duration_histogram_us", "Histogram of inference queuing duration in microseconds", 1e3,
            List.of(100.0, 1000.0, 5000.0, 10_000.0, 50_000.0)),
    /** Gathering inputs. */
    COMPUTE_INPUT("nv_inference_compute_input_duration_histogram_us",
            "Histogram of compute input duration in microseconds", 1e3,
            List.of(100.0, 500.0, 1000.0, 5000.0, 10_000.0)),
    /** The computation. */
    COMPUTE_INFER("nv_inference_compute_infer_duration_histogram_us",
            "Histogram of compute inference duration in microseconds", 1e3,
            List.of(1000.0, 5000.0, 25_000.0, 50_000.0, 100_000.0)),
    /** Writing outputs. */
    COMPUTE_OUTPUT("nv_inference_compute_output_duration_histogram_us",
            "Histogram of compute output duration in microseconds", 1e3,
            List.of(100.0, 500.0, 1000.0, 5000.0, 10_000.0));

    private final String family;
    private final String help;
    private final double nanosPerUnit;
    private final List<Double> defaultBounds;

    LatencyHistogram(String family, String help, double nanosPerUnit, List<Double> defaultBounds) {
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
        return defaultBounds;
    }
}

package dev.nereid.engine.stats;

/** The summaries of a model's latencies. Names and texts are those that the reference's users know. */
public enum LatencySummary {
    /** The whole request. Not for models whose responses are cached, as in the reference. */
    REQUEST("nv_inference_request_summary_us",
            "Summary of inference request duration in microseconds (includes cached requests)"),
    /** Waiting for an instance. */
    QUEUE("nv_inference_queue_summary_us",
            "Summary of inference queuing duration in microseconds (includes cached requests)"),
    /** Gathering inputs. */
    COMPUTE_INPUT("nv_inference_compute_input_summary_us",
            "Cumulative compute input duration in microseconds (does not include cached requests)"),
    /** The computation. */
    COMPUTE_INFER("nv_inference_compute_infer_summary_us",
            "Cumulative compute inference duration in microseconds (does not include cached requests)"),
    /** Writing outputs. */
    COMPUTE_OUTPUT("nv_inference_compute_output_summary_us",
            "Cumulative inference compute output duration in microseconds (does not include cached requests)"),
    /** Finding a cached response. Only for models whose responses are cached. */
    CACHE_HIT("nv_cache_hit_summary_per_model",
            "Summary of cache hit counts/durations per model, in microseconds."),
    /** Not finding one, and keeping the one that was computed. Only for models whose responses are cached. */
    CACHE_MISS("nv_cache_miss_summary_per_model",
            "Summary of cache miss counts/durations per model, in microseconds.");

    private final String family;
    private final String help;

    LatencySummary(String family, String help) {
        this.family = family;
        this.help = help;
    }

    /** Returns the name of the metric. */
    public String family() {
        return family;
    }

    /** Returns the help text of the metric. */
    public String help() {
        return help;
    }

    /** Returns whether there is one for a model. */
    public boolean isFor(boolean isCached) {
        return switch (this) {
            case REQUEST -> !isCached;
            case CACHE_HIT, CACHE_MISS -> isCached;
            case QUEUE, COMPUTE_INPUT, COMPUTE_INFER, COMPUTE_OUTPUT -> true;
        };
    }
}

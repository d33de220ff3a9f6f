package dev.nereid.server.metrics;

import dev.nereid.server.lifecycle.Engine;
import dev.nereid.server.lifecycle.ServedVersion;
import dev.nereid.server.stats.DurationCounter;
import dev.nereid.server.stats.FailureReason;
import dev.nereid.server.stats.Histogram;
import dev.nereid.server.stats.LatencyHistogram;
import dev.nereid.server.stats.MetricFamily;
import dev.nereid.server.stats.ModelStatistics;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;

/**
 * Writes the counters of all models in the Prometheus text format (metrics-and-statistics, 1). Names have no
 * {@code _total} suffix, as existing dashboards expect; libraries for this format insist on one.
 */
public final class MetricsText {
    /** One label with another character would make the whole text unreadable. */
    private static final Pattern NOT_IN_LABELS = Pattern.compile("[^a-zA-Z0-9_]");

    private final Engine engine;
    private final boolean countsLatencies;
    private final boolean showsHistograms;
    private final Optional<CpuSampler> cpu;

    /**
     * Creates the writer.
     *
     * @param countsLatencies whether latency counters are written
     * @param showsHistograms whether histograms of latencies are written
     * @param cpu where CPU metrics come from; empty for none
     */
    public MetricsText(Engine engine, boolean countsLatencies, boolean showsHistograms, Optional<CpuSampler> cpu) {
        this.engine = engine;
        this.countsLatencies = countsLatencies;
        this.showsHistograms = showsHistograms;
        this.cpu = cpu;
    }

    /** Returns all metrics as they are now. */
    public String write() {
        List<ServedVersion> versions = engine.readyVersions();
        StringBuilder text = new StringBuilder(4096);
        counter(text, versions, "nv_inference_request_success",
                "Number of successful inference requests, all batch sizes", stats -> stats.success().count());
        failures(text, versions);
        counter(text, versions, "nv_inference_count",
                "Number of inferences performed (does not include cached requests)", ModelStatistics::inferenceCount);
        counter(text, versions, "nv_inference_exec_count",
                "Number of model executions performed (does not include cached requests)",
                ModelStatistics::executionCount);
        if (countsLatencies) {
            duration(text, versions, "nv_inference_request_duration_us",
                    "Cumulative inference request duration in microseconds (includes cached requests)",
                    ModelStatistics::success);
            duration(text, versions, "nv_inference_queue_duration_us",
                    "Cumulative inference queuing duration in microseconds (includes cached requests)",
                    ModelStatistics::queue);
            duration(text, versions, "nv_inference_compute_input_duration_us",
                    "Cumulative compute input duration in microseconds (does not include cached requests)",
                    ModelStatistics::computeInput);
            duration(text, versions, "nv_inference_compute_infer_duration_us",
                    "Cumulative compute inference duration in microseconds (does not include cached requests)",
                    ModelStatistics::computeInfer);
            duration(text, versions, "nv_inference_compute_output_duration_us",
                    "Cumulative inference compute output duration in microseconds (does not include cached requests)",
                    ModelStatistics::computeOutput);
        }
        head(text, "nv_inference_pending_request_count",
                "Instantaneous number of pending requests awaiting execution per-model.", "gauge");
        versions.forEach(version -> sample(text, "nv_inference_pending_request_count", labels(version),
                (double) version.statistics().pendingCount()));
        head(text, "nv_model_load_duration_secs", "Model load time in seconds", "gauge");
        versions.forEach(version -> sample(text, "nv_model_load_duration_secs", labels(version),
                version.loadTime().toNanos() / 1e9));
        if (showsHistograms) {
            for (LatencyHistogram kind : LatencyHistogram.values()) {
                histogram(text, versions, kind);
            }
        }
        cpu.ifPresent(sampler -> cpu(text, sampler.latest()));
        engine.backendMetrics().forEach(family -> family(text, family));
        return text.toString();
    }

    private static void histogram(StringBuilder text, List<ServedVersion> versions, LatencyHistogram kind) {
        head(text, kind.family(), kind.help(), "histogram");
        for (ServedVersion version : versions) {
            Histogram histogram = version.statistics().histogram(kind);
            distribution(text, kind.family(), labels(version), histogram.buckets(), histogram.sum());
        }
    }

    private static void distribution(StringBuilder text, String name, Map<String, String> labels,
            List<Histogram.Bucket> buckets, double sum) {
        sample(text, name + "_count", labels, (double) buckets.getLast().count());
        sample(text, name + "_sum", labels, sum);
        for (Histogram.Bucket bucket : buckets) {
            Map<String, String> more = new TreeMap<>(labels);
            more.put("le", Double.isInfinite(bucket.bound()) ? "+Inf" : number(bucket.bound()));
            sample(text, name + "_bucket", more, (double) bucket.count());
        }
    }

    private static void family(StringBuilder text, MetricFamily family) {
        head(text, family.name(), family.help().replace("\\", "\\\\").replace("\n", "\\n"),
                family.kind().name().toLowerCase(Locale.ROOT));
        for (MetricFamily.Sample sample : family.samples()) {
            switch (sample.value()) {
                case MetricFamily.Single single -> sample(text, family.name(), sample.labels(), single.number());
                case MetricFamily.Distribution all -> distribution(text, family.name(), sample.labels(), all.buckets(),
                        all.sum());
            }
        }
    }

    private static void cpu(StringBuilder text, CpuSampler.Sample sample) {
        head(text, "nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", "gauge");
        sample(text, "nv_cpu_utilization", Map.of(), sample.utilization());
        head(text, "nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", "gauge");
        sample(text, "nv_cpu_memory_total_bytes", Map.of(), sample.memoryTotalBytes());
        head(text, "nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", "gauge");
        sample(text, "nv_cpu_memory_used_bytes", Map.of(), sample.memoryUsedBytes());
    }

    private static void counter(StringBuilder text, List<ServedVersion> versions, String name, String help,
            ToLongFunction<ModelStatistics> value) {
        head(text, name, help, "counter");
        versions.forEach(
                version -> sample(text, name, labels(version), (double) value.applyAsLong(version.statistics())));
    }

    private interface Counter {
        DurationCounter of(ModelStatistics statistics);
    }

    private static void duration(StringBuilder text, List<ServedVersion> versions, String name, String help,
            Counter counter) {
        counter(text, versions, name, help, statistics -> counter.of(statistics).micros());
    }

    private static void failures(StringBuilder text, List<ServedVersion> versions) {
        String name = "nv_inference_request_failure";
        head(text, name, "Number of failed inference requests, all batch sizes", "counter");
        for (ServedVersion version : versions) {
            for (FailureReason reason : FailureReason.values()) {
                Map<String, String> labels = labels(version);
                labels.put("reason", reason.name());
                sample(text, name, labels, (double) version.statistics().failures(reason).count());
            }
        }
    }

    private static Map<String, String> labels(ServedVersion version) {
        Map<String, String> labels = new TreeMap<>();
        version.config().metricTags().forEach((key, value) -> labels
                .put("_" + NOT_IN_LABELS.matcher(key).replaceAll("_"), value));
        labels.put("model", version.name());
        labels.put("version", Long.toString(version.version()));
        return labels;
    }

    private static void head(StringBuilder text, String name, String help, String type) {
        text.append("# HELP ").append(name).append(' ').append(help).append('\n');
        text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private static void sample(StringBuilder text, String name, Map<String, String> labels, double value) {
        text.append(name);
        if (!labels.isEmpty()) {
            char separator = '{';
            for (Map.Entry<String, String> label : labels.entrySet()) {
                text.append(separator).append(label.getKey()).append("=\"").append(escape(label.getValue()))
                        .append('"');
                separator = ',';
            }
            text.append('}');
        }
        text.append(' ').append(number(value)).append('\n');
    }

    private static String escape(String value) {
        return value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }

    private static String number(double value) {
        if (Double.isInfinite(value)) {
            return value > 0 ? "+Inf" : "-Inf";
        }
        return value == Math.rint(value) && Math.abs(value) < 1e15
                ? Long.toString((long) value)
                : Double.toString(value);
    }
}

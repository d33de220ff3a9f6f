package dev.nereid.server.metrics;

import dev.nereid.backend.api.cache.CacheStatistics;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.engine.gpu.GpuUse;
import dev.nereid.engine.gpu.PinnedMemoryPool;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ModelLoad;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.stats.DurationCounter;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.Histogram;
import dev.nereid.engine.stats.LatencyHistogram;
import dev.nereid.engine.stats.LatencySummary;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.engine.stats.Summary;
import dev.nereid.server.trace.SpanQueue;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
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
    private final List<Double> quantiles;
    private final Optional<CpuSampler> cpu;
    private final Optional<GpuSampler> gpus;
    private final Supplier<List<MetricFamily>> own;
    private final Optional<SpanQueue> spans;

    /**
     * Creates the writer.
     *
     * @param countsLatencies whether latency counters are written
     * @param showsHistograms whether histograms of latencies are written
     * @param quantiles the quantiles of latencies that summaries have, where the engine keeps them
     * @param cpu where CPU metrics come from; empty for none
     * @param gpus where GPU metrics come from; empty for none
     * @param own what the server tells of itself
     */
    public MetricsText(Engine engine, boolean countsLatencies, boolean showsHistograms, List<Double> quantiles,
            Optional<CpuSampler> cpu, Optional<GpuSampler> gpus, Supplier<List<MetricFamily>> own) {
        this(engine, countsLatencies, showsHistograms, quantiles, cpu, gpus, own, Optional.empty());
    }

    private MetricsText(Engine engine, boolean countsLatencies, boolean showsHistograms, List<Double> quantiles,
            Optional<CpuSampler> cpu, Optional<GpuSampler> gpus, Supplier<List<MetricFamily>> own,
            Optional<SpanQueue> spans) {
        this.own = own;
        this.engine = engine;
        this.countsLatencies = countsLatencies;
        this.showsHistograms = showsHistograms;
        this.quantiles = List.copyOf(quantiles);
        this.cpu = cpu;
        this.gpus = gpus;
        this.spans = spans;
    }

    /** Returns a writer that also writes what became of spans. */
    public MetricsText withSpans(Optional<SpanQueue> queue) {
        return new MetricsText(engine, countsLatencies, showsHistograms, quantiles, cpu, gpus, own, queue);
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
        pinnedMemory(text);
        List<ServedVersion> cached = versions.stream().filter(version -> version.config().isResponseCacheEnabled())
                .toList();
        counter(text, cached, "nv_cache_num_hits_per_model", "Number of cache hits per model",
                stats -> stats.cacheHit().count());
        counter(text, cached, "nv_cache_num_misses_per_model", "Number of cache misses per model",
                stats -> stats.cacheMiss().count());
        duration(text, cached, "nv_cache_hit_duration_per_model", "Total cache hit duration per model, in microseconds",
                ModelStatistics::cacheHit);
        duration(text, cached, "nv_cache_miss_duration_per_model",
                "Total cache miss (insert+lookup) duration per model, in microseconds",
                ModelStatistics::cacheMiss);
        engine.cacheStatistics().ifPresent(statistics -> cache(text, statistics));
        spans.ifPresent(queue -> spans(text, queue));
        if (showsHistograms) {
            for (LatencyHistogram kind : LatencyHistogram.values()) {
                histogram(text, versions, kind);
            }
        }
        if (!quantiles.isEmpty()) {
            for (LatencySummary kind : LatencySummary.values()) {
                summary(text, versions, kind);
            }
        }
        gpus.ifPresent(sampler -> gpus(text, sampler.latest()));
        cpu.ifPresent(sampler -> cpu(text, sampler.latest()));
        instances(text, versions);
        own.get().forEach(family -> family(text, family));
        engine.backendMetrics().forEach(family -> family(text, family));
        return text.toString();
    }

    /** Without a counterpart in the reference: what a queue is to be divided by. */
    private void instances(StringBuilder text, List<ServedVersion> versions) {
        head(text, "nereid_model_instances", "Number of instances of a model that execute requests.", "gauge");
        Map<ServedVersion, ModelLoad> loads = new LinkedHashMap<>();
        versions.stream().filter(version -> !version.config().backend().isEmpty())
                .forEach(version -> loads.put(version, engine.load(version)));
        loads.forEach((version, load) -> sample(text, "nereid_model_instances", labels(version),
                (double) load.instances()));
        head(text, "nereid_model_instances_busy", "Number of instances of a model that execute now.", "gauge");
        loads.forEach((version, load) -> sample(text, "nereid_model_instances_busy", labels(version),
                (double) load.busyInstances()));
    }

    private static void histogram(StringBuilder text, List<ServedVersion> versions, LatencyHistogram kind) {
        head(text, kind.family(), kind.help(), "histogram");
        for (ServedVersion version : versions) {
            Histogram histogram = version.statistics().histogram(kind);
            distribution(text, kind.family(), labels(version), histogram.buckets(), histogram.sum());
        }
    }

    private void summary(StringBuilder text, List<ServedVersion> versions, LatencySummary kind) {
        head(text, kind.family(), kind.help(), "summary");
        for (ServedVersion version : versions) {
            Optional<Summary> summary = version.statistics().summary(kind)
                    .filter(ignored -> kind.isFor(version.config().isResponseCacheEnabled()));
            if (summary.isPresent()) {
                Summary.Values values = summary.get().values(quantiles);
                Map<String, String> labels = counterLabels(version);
                sample(text, kind.family() + "_count", labels, (double) values.count());
                sample(text, kind.family() + "_sum", labels, values.sumMicros());
                for (int i = 0; i < quantiles.size(); i++) {
                    Map<String, String> more = new TreeMap<>(labels);
                    more.put("quantile", number(quantiles.get(i)));
                    sample(text, kind.family(), more, values.quantiles().get(i));
                }
            }
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

    private static void cache(StringBuilder text, CacheStatistics cache) {
        gauge(text, "nv_cache_num_entries", "Number of responses stored in response cache",
                (double) cache.entries());
        gauge(text, "nv_cache_num_lookups", "Number of cache lookups in response cache",
                (double) cache.lookups());
        gauge(text, "nv_cache_num_hits", "Number of cache hits in response cache",
                (double) cache.hits());
        gauge(text, "nv_cache_num_misses", "Number of cache misses in response cache",
                (double) cache.misses());
        gauge(text, "nv_cache_num_evictions", "Number of cache evictions in response cache",
                (double) cache.evictions());
        gauge(text, "nv_cache_lookup_duration", "Total cache lookup duration (hit and miss), in microseconds",
                (double) TimeUnit.NANOSECONDS.toMicros(cache.lookupNanos()));
        gauge(text, "nv_cache_insertion_duration", "Total cache insertion duration, in microseconds",
                (double) TimeUnit.NANOSECONDS.toMicros(cache.insertionNanos()));
        gauge(text, "nv_cache_util", "Cache utilization [0.0 - 1.0]", cache.utilization());
    }

    private static void spans(StringBuilder text, SpanQueue queue) {
        count(text, "nereid_trace_spans_exported_total", "Number of spans that the trace collector has taken",
                queue.exported());
        count(text, "nereid_trace_spans_dropped_total", "Number of spans that were dropped since too many waited",
                queue.dropped());
        count(text, "nereid_trace_spans_failed_total", "Number of spans that the trace collector has not taken",
                queue.failed());
    }

    private static void count(StringBuilder text, String name, String help, long value) {
        head(text, name, help, "counter");
        sample(text, name, Map.of(), (double) value);
    }

    private static void gauge(StringBuilder text, String name, String help, double value) {
        head(text, name, help, "gauge");
        sample(text, name, Map.of(), value);
    }

    private void pinnedMemory(StringBuilder text) {
        PinnedMemoryPool pool = engine.gpus().pinnedMemory();
        head(text, "nv_pinned_memory_pool_total_bytes", "Pinned memory pool total memory size, in bytes", "gauge");
        sample(text, "nv_pinned_memory_pool_total_bytes", Map.of(), (double) pool.totalBytes());
        head(text, "nv_pinned_memory_pool_used_bytes", "Pinned memory pool used memory size, in bytes", "gauge");
        sample(text, "nv_pinned_memory_pool_used_bytes", Map.of(), (double) pool.usedBytes());
    }

    private static void gpus(StringBuilder text, List<GpuSampler.Sample> gpus) {
        gpu(text, gpus, "nv_gpu_utilization", "GPU utilization rate [0.0 - 1.0)", "gauge", GpuUse::utilization);
        gpu(text, gpus, "nv_gpu_memory_total_bytes", "GPU total memory, in bytes", "gauge", GpuUse::memoryTotalBytes);
        gpu(text, gpus, "nv_gpu_memory_used_bytes", "GPU used memory, in bytes", "gauge", GpuUse::memoryUsedBytes);
        gpu(text, gpus, "nv_gpu_power_usage", "GPU power usage in watts", "gauge", GpuUse::powerWatts);
        gpu(text, gpus, "nv_gpu_power_limit", "GPU power management limit in watts", "gauge",
                GpuUse::powerLimitWatts);
        gpu(text, gpus, "nv_energy_consumption", "GPU energy consumption in joules since the Triton Server started",
                "counter", GpuUse::energyJoules);
    }

    /** A GPU that does not tell a value has no sample of it. */
    private static void gpu(StringBuilder text, List<GpuSampler.Sample> gpus, String name, String help, String type,
            Function<GpuUse, OptionalDouble> value) {
        head(text, name, help, type);
        gpus.forEach(gpu -> value.apply(gpu.use())
                .ifPresent(present -> sample(text, name, Map.of("gpu_uuid", gpu.uuid()), present)));
    }

    private static void cpu(StringBuilder text, CpuSampler.Sample sample) {
        head(text, "nv_cpu_utilization", "CPU utilization rate [0.0 - 1.0]", "gauge");
        sample(text, "nv_cpu_utilization", Map.of(), sample.utilization());
        head(text, "nv_cpu_memory_total_bytes", "CPU total memory (RAM), in bytes", "gauge");
        sample(text, "nv_cpu_memory_total_bytes", Map.of(), sample.memoryTotalBytes());
        head(text, "nv_cpu_memory_used_bytes", "CPU used memory (RAM), in bytes", "gauge");
        sample(text, "nv_cpu_memory_used_bytes", Map.of(), sample.memoryUsedBytes());
    }

    private void counter(StringBuilder text, List<ServedVersion> versions, String name, String help,
            ToLongFunction<ModelStatistics> value) {
        head(text, name, help, "counter");
        versions.forEach(
                version -> sample(text, name, counterLabels(version),
                        (double) value.applyAsLong(version.statistics())));
    }

    private interface Counter {
        DurationCounter of(ModelStatistics statistics);
    }

    private void duration(StringBuilder text, List<ServedVersion> versions, String name, String help,
            Counter counter) {
        counter(text, versions, name, help, statistics -> counter.of(statistics).micros());
    }

    private void failures(StringBuilder text, List<ServedVersion> versions) {
        String name = "nv_inference_request_failure";
        head(text, name, "Number of failed inference requests, all batch sizes", "counter");
        for (ServedVersion version : versions) {
            for (FailureReason reason : FailureReason.values()) {
                Map<String, String> labels = counterLabels(version);
                labels.put("reason", reason.name());
                sample(text, name, labels, (double) version.statistics().failures(reason).count());
            }
        }
    }

    /** What a version on one GPU counts belongs to that GPU; one on several has one count for all. */
    private Map<String, String> counterLabels(ServedVersion version) {
        Map<String, String> labels = labels(version);
        List<InstanceGroup> groups = version.config().instanceGroups();
        List<Integer> devices = groups.stream().flatMap(group -> group.gpus().stream()).distinct().toList();
        if (devices.size() == 1 && groups.stream().allMatch(group -> group.kind() == InstanceGroup.Kind.GPU)) {
            engine.gpus().driver().gpu(devices.getFirst()).ifPresent(gpu -> labels.put("gpu_uuid", gpu.uuid()));
        }
        return labels;
    }

    private static Map<String, String> labels(ServedVersion version) {
        Map<String, String> labels = new TreeMap<>();
        version.config().metricTags().forEach((key, value) -> labels
                .put("_" + NOT_IN_LABELS.matcher(key).replaceAll("_"), value));
        labels.put("model", version.name());
        version.namespace().ifPresent(namespace -> labels.put("namespace", namespace));
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

package dev.nereid.server.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.EngineOptions.StatisticsOptions;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.EngineFixture;
import dev.nereid.engine.model.LoadOverride;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsTextTest {
    /** The families of a server without GPUs, with CPU metrics and histograms, in order: name, type, help. */
    private static final String FAMILIES = """
            nv_inference_request_success counter Number of successful inference requests, all batch sizes
            nv_inference_request_failure counter Number of failed inference requests, all batch sizes
            nv_inference_count counter Number of inferences performed (does not include cached requests)
            nv_inference_exec_count counter Number of model executions performed (does not include cached requests)
            nv_inference_request_duration_us counter Cumulative inference request duration in microseconds (includes cached requests)
            nv_inference_queue_duration_us counter Cumulative inference queuing duration in microseconds (includes cached requests)
            nv_inference_compute_input_duration_us counter Cumulative compute input duration in microseconds (does not include cached requests)
            nv_inference_compute_infer_duration_us counter Cumulative compute inference duration in microseconds (does not include cached requests)
            nv_inference_compute_output_duration_us counter Cumulative inference compute output duration in microseconds (does not include cached requests)
            nv_inference_pending_request_count gauge Instantaneous number of pending requests awaiting execution per-model.
            nv_model_load_duration_secs gauge Model load time in seconds
            nv_pinned_memory_pool_total_bytes gauge Pinned memory pool total memory size, in bytes
            nv_pinned_memory_pool_used_bytes gauge Pinned memory pool used memory size, in bytes
            nv_cache_num_hits_per_model counter Number of cache hits per model
            nv_cache_num_misses_per_model counter Number of cache misses per model
            nv_cache_hit_duration_per_model counter Total cache hit duration per model, in microseconds
            nv_cache_miss_duration_per_model counter Total cache miss (insert+lookup) duration per model, in microseconds
            nv_inference_first_response_histogram_ms histogram Duration from request to first response in milliseconds
            nv_inference_request_duration_histogram_us histogram Histogram of inference request duration in microseconds
            nv_inference_queue_duration_histogram_us histogram Histogram of inference queuing duration in microseconds
            nv_inference_compute_input_duration_histogram_us histogram Histogram of compute input duration in microseconds
            nv_inference_compute_infer_duration_histogram_us histogram Histogram of compute inference duration in microseconds
            nv_inference_compute_output_duration_histogram_us histogram Histogram of compute output duration in microseconds
            nv_cpu_utilization gauge CPU utilization rate [0.0 - 1.0]
            nv_cpu_memory_total_bytes gauge CPU total memory (RAM), in bytes
            nv_cpu_memory_used_bytes gauge CPU used memory (RAM), in bytes
            nereid_model_instances gauge Number of instances of a model that execute requests.
            nereid_model_instances_busy gauge Number of instances of a model that execute now.
            """;

    private final Path directory;
    @AutoClose
    private final EngineFixture fixture;

    MetricsTextTest(@TempDir Path directory) {
        this.directory = directory;
        fixture = new EngineFixture(directory, new FakeBackend("fake"));
    }

    @Test
    void familiesHaveTheNamesTypesTextsAndOrderOfTheReference() {
        String text;
        try (CpuSampler sampler = CpuSampler.start(directory, Duration.ofDays(1))) {
            text = new MetricsText(fixture.start(), true, true, List.of(), Optional.of(sampler), Optional.empty(),
                    List::of)
                    .write();
        }

        List<String> heads = text.lines().filter(line -> line.startsWith("# ")).toList();
        StringBuilder families = new StringBuilder();
        for (int i = 0; i < heads.size(); i += 2) {
            String[] help = heads.get(i).split(" ", 4);
            String[] type = heads.get(i + 1).split(" ", 4);
            assertEquals(List.of("#", "HELP", "#", "TYPE", help[2]),
                    List.of(help[0], help[1], type[0], type[1], type[2]));
            families.append(help[2]).append(' ').append(type[3]).append(' ').append(help[3]).append('\n');
        }
        assertEquals(FAMILIES, families.toString());
    }

    @Test
    void seriesAreThereWithZeroRightAfterTheLoadAndGoneAfterTheUnload() {
        Engine engine = fixture.model("m", 1).start();
        assertFalse(text(engine).contains("model=\"m\""));

        engine.load("m", LoadOverride.NONE);
        List<String> samples = samples(engine);
        assertTrue(samples.contains("nv_inference_request_success{model=\"m\",version=\"1\"} 0"));
        for (String reason : List.of("REJECTED", "CANCELED", "BACKEND", "OTHER")) {
            assertTrue(samples.contains(
                    "nv_inference_request_failure{model=\"m\",reason=\"" + reason + "\",version=\"1\"} 0"), reason);
        }
        assertTrue(samples.contains("nv_inference_pending_request_count{model=\"m\",version=\"1\"} 0"));
        assertTrue(samples.stream()
                .anyMatch(line -> line.matches("nv_model_load_duration_secs\\{model=\"m\",version=\"1\"} 0\\.\\d+.*")));

        engine.unload("m", false);
        assertFalse(text(engine).contains("model=\"m\""));
    }

    @Test
    void metricsOfABackendAreShownUntilItsModelIsUnloaded(@TempDir Path other) {
        FakeBackend backend = new FakeBackend("fake")
                .onCreate(context -> context.metrics().gauge("fake_threads", "A \\ and\na line.", Map.of()).set(2))
                .onCreateModel(context -> context.metrics()
                        .histogram("fake_bytes", "Sizes.", Map.of("kind", "a\"b"), 10, 1e9).observe(12.5));
        try (EngineFixture own = new EngineFixture(other, backend)) {
            Engine engine = own.model("m", 1).start();
            engine.load("m", LoadOverride.NONE);

            assertTrue(text(engine).endsWith("""
                    # HELP fake_bytes Sizes.
                    # TYPE fake_bytes histogram
                    fake_bytes_count{kind="a\\"b",model="m",version="1"} 1
                    fake_bytes_sum{kind="a\\"b",model="m",version="1"} 12.5
                    fake_bytes_bucket{kind="a\\"b",le="10",model="m",version="1"} 0
                    fake_bytes_bucket{kind="a\\"b",le="1000000000",model="m",version="1"} 1
                    fake_bytes_bucket{kind="a\\"b",le="+Inf",model="m",version="1"} 1
                    # HELP fake_threads A \\\\ and\\na line.
                    # TYPE fake_threads gauge
                    fake_threads{backend="fake"} 2
                    """), text(engine));

            engine.unload("m", false);
            assertFalse(text(engine).contains("fake_bytes"));
            assertTrue(text(engine).contains("fake_threads"));
        }
    }

    @Test
    void aModelThatFailsToLoadLeavesNoMetrics(@TempDir Path other) {
        FakeBackend backend = new FakeBackend("fake").onCreateModel(context -> {
            context.metrics().counter("fake_total", "", Map.of()).increment();
            throw InferenceException.invalid("no");
        });
        try (EngineFixture own = new EngineFixture(other, backend)) {
            Engine engine = own.model("m", 1).start();

            assertThrows(InferenceException.class, () -> engine.load("m", LoadOverride.NONE));
            assertFalse(text(engine).contains("fake_total"));
        }
    }

    @Test
    void requestsAreCounted() {
        Engine engine = fixture.model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        long ignored = EngineFixture.infer(engine, "m");
        ignored = EngineFixture.infer(engine, "m");

        List<String> samples = samples(engine);
        for (String family : List.of("nv_inference_request_success", "nv_inference_count",
                "nv_inference_exec_count")) {
            assertTrue(samples.contains(family + "{model=\"m\",version=\"1\"} 2"), family);
        }
        assertTrue(samples.stream().anyMatch(
                line -> line.matches("nv_inference_request_duration_us\\{model=\"m\",version=\"1\"} [1-9]\\d*")));
    }

    @Test
    void tagsAreLabelsInAlphabeticalOrderAndEscaped() {
        Engine engine = fixture.model("m",
                EngineFixture.GROUP_OF_ONE + " metric_tags { key: \"zone\" value: \"a\\\"b\\\\c\\nd\" }", 1).start();
        engine.load("m", LoadOverride.NONE);

        assertTrue(samples(engine).contains(
                "nv_inference_count{_zone=\"a\\\"b\\\\c\\nd\",model=\"m\",version=\"1\"} 0"), () -> text(engine));
    }

    @Test
    void aTagWhoseNameIsNoLabelDoesNotSpoilTheText() {
        Engine engine = fixture.model("m",
                EngineFixture.GROUP_OF_ONE + " metric_tags { key: \"my zone-1\" value: \"x\" }", 1).start();
        engine.load("m", LoadOverride.NONE);

        assertTrue(samples(engine).contains("nv_inference_count{_my_zone_1=\"x\",model=\"m\",version=\"1\"} 0"),
                () -> text(engine));
    }

    @Test
    void latencyCountersMayBeLeftOutWithoutLosingTheOthers() {
        Engine engine = fixture.model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        String text = new MetricsText(engine, false, false, List.of(), Optional.empty(), Optional.empty(), List::of)
                .write();

        assertFalse(text.contains("duration_us"));
        assertTrue(text.contains("nv_inference_request_success{model=\"m\",version=\"1\"} 0"));
    }

    @Test
    void histogramsCountUpToTheirBoundsAndTakeThoseOfTheModel() {
        Engine engine = fixture.model("m", EngineFixture.GROUP_OF_ONE + """
                model_metrics { metric_control {
                   metric_identifier { family: "nv_inference_queue_duration_histogram_us" }
                   histogram_options { buckets: [ 7, 60000000 ] } } }""", 1).start();
        engine.load("m", LoadOverride.NONE);
        long ignored = EngineFixture.infer(engine, "m");
        String text = new MetricsText(engine, true, true, List.of(), Optional.empty(), Optional.empty(), List::of)
                .write();

        assertTrue(text.contains("""
                # TYPE nv_inference_request_duration_histogram_us histogram
                nv_inference_request_duration_histogram_us_count{model="m",version="1"} 1
                """), text);
        assertTrue(text.contains("""
                nv_inference_queue_duration_histogram_us_bucket{le="60000000",model="m",version="1"} 1
                """), text);
        assertTrue(text.contains("""
                nv_inference_compute_infer_duration_histogram_us_bucket{le="+Inf",model="m",version="1"} 1
                """), text);
    }

    @Test
    void summariesHaveTheQuantilesThatWereAskedFor() {
        Engine engine = fixture.statistics(new StatisticsOptions(true)).model("m", 1).start();
        engine.load("m", LoadOverride.NONE);
        String before = new MetricsText(engine, true, false, List.of(0.5, 1.0), Optional.empty(), Optional.empty(),
                List::of)
                .write();
        long ignored = EngineFixture.infer(engine, "m");
        String text = new MetricsText(engine, true, false, List.of(0.5, 1.0), Optional.empty(), Optional.empty(),
                List::of)
                .write();

        assertTrue(before.contains("""
                # TYPE nv_inference_request_summary_us summary
                nv_inference_request_summary_us_count{model="m",version="1"} 0
                nv_inference_request_summary_us_sum{model="m",version="1"} 0
                nv_inference_request_summary_us{model="m",quantile="0.5",version="1"} NaN
                nv_inference_request_summary_us{model="m",quantile="1",version="1"} NaN
                """), before);
        assertTrue(text.contains("nv_inference_queue_summary_us_count{model=\"m\",version=\"1\"} 1\n"), text);
        assertFalse(text.contains("nv_inference_request_summary_us{model=\"m\",quantile=\"0.5\",version=\"1\"} NaN"));
        assertFalse(text.contains("nv_cache_hit_summary_per_model_count"));
    }

    @Test
    void cpuMetricsComeFromTheKernelsFiles() throws IOException {
        Path proc = Files.createDirectories(directory.resolve("proc"));
        Files.writeString(proc.resolve("stat"), "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4 5 6 7 8\n");
        Files.writeString(proc.resolve("meminfo"),
                "MemTotal:       1000 kB\nMemFree:         100 kB\nMemAvailable:    400 kB\n");
        try (CpuSampler sampler = CpuSampler.start(proc, Duration.ofDays(1))) {
            String text = new MetricsText(fixture.start(), true, false, List.of(), Optional.of(sampler),
                    Optional.empty(), List::of).write();

            assertTrue(text.contains("""
                    # HELP nv_cpu_utilization CPU utilization rate [0.0 - 1.0]
                    # TYPE nv_cpu_utilization gauge
                    nv_cpu_utilization 0
                    # HELP nv_cpu_memory_total_bytes CPU total memory (RAM), in bytes
                    # TYPE nv_cpu_memory_total_bytes gauge
                    nv_cpu_memory_total_bytes 1024000
                    # HELP nv_cpu_memory_used_bytes CPU used memory (RAM), in bytes
                    # TYPE nv_cpu_memory_used_bytes gauge
                    nv_cpu_memory_used_bytes 614400
                    """), text);
        }
    }

    private static String text(Engine engine) {
        return new MetricsText(engine, true, false, List.of(), Optional.empty(), Optional.empty(), List::of).write();
    }

    private static List<String> samples(Engine engine) {
        return text(engine).lines().filter(line -> !line.startsWith("#")).toList();
    }
}

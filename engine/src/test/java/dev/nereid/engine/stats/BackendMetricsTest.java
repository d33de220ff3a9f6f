package dev.nereid.engine.stats;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Metrics;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.MetricFamily.Distribution;
import dev.nereid.engine.stats.MetricFamily.Kind;
import dev.nereid.engine.stats.MetricFamily.Sample;
import dev.nereid.engine.stats.MetricFamily.Single;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class BackendMetricsTest {
    private final BackendMetrics metrics = new BackendMetrics();
    private final BackendMetrics.Owned model = ofModel("m");

    private BackendMetrics.Owned ofModel(String name) {
        return metrics.of("model '" + name + "'", Map.of("model", name));
    }

    private static InferenceException failure(StatusCode code, Executable call) {
        InferenceException failure = assertThrows(InferenceException.class, call);
        assertEquals(code, failure.code());
        return failure;
    }

    @Test
    void showsEveryKindWithItsLabels() {
        Metrics.Counter counter = model.counter("x_total", "Counts.", Map.of("stage", "decode"));
        counter.increment();
        counter.add(1.5);
        Metrics.Gauge gauge = model.gauge("x_bytes", "Grows and shrinks.", Map.of());
        gauge.set(7);
        gauge.add(-2);
        Metrics.Histogram histogram = model.histogram("x_seconds", "Takes long.", Map.of(), 0.1, 1);
        histogram.observe(0.1);
        histogram.observe(0.5);
        histogram.observe(30);

        assertEquals(List.of(
                new MetricFamily("x_bytes", "Grows and shrinks.", Kind.GAUGE,
                        List.of(new Sample(Map.of("model", "m"), new Single(5)))),
                new MetricFamily("x_seconds", "Takes long.", Kind.HISTOGRAM,
                        List.of(new Sample(Map.of("model", "m"),
                                new Distribution(
                                        List.of(new Histogram.Bucket(0.1, 1), new Histogram.Bucket(1, 2),
                                                new Histogram.Bucket(Double.POSITIVE_INFINITY, 3)),
                                        30.6)))),
                new MetricFamily("x_total", "Counts.", Kind.COUNTER,
                        List.of(new Sample(Map.of("model", "m", "stage", "decode"), new Single(2.5))))),
                metrics.families());
    }

    @Test
    void whoeverAsksAgainGetsTheSame() {
        assertSame(model.counter("x_total", "", Map.of("a", "1", "b", "2")),
                model.counter("x_total", "", Map.of("b", "2", "a", "1")));
        assertEquals(1, metrics.families().getFirst().samples().size());
    }

    @Test
    void modelsShareANameButNotAMetric() {
        model.counter("x_total", "Counts.", Map.of()).increment();
        ofModel("n").counter("x_total", "Counts.", Map.of()).add(3);

        assertEquals(
                List.of(new Sample(Map.of("model", "m"), new Single(1)),
                        new Sample(Map.of("model", "n"), new Single(3))),
                metrics.families().getFirst().samples());
    }

    @Test
    void duringAReLoadTheNewCopyIsShownAndTheOldOneAgainShouldItFail() {
        model.counter("x_total", "Counts.", Map.of()).add(5);
        BackendMetrics.Owned copy = ofModel("m");
        copy.counter("x_total", "Counts.", Map.of()).add(1);

        assertEquals(List.of(new Sample(Map.of("model", "m"), new Single(1))),
                metrics.families().getFirst().samples());
        copy.close();
        assertEquals(List.of(new Sample(Map.of("model", "m"), new Single(5))),
                metrics.families().getFirst().samples());
    }

    @Test
    void nothingIsLeftOfWhatIsClosed() {
        Metrics.Counter counter = model.counter("x_total", "Counts.", Map.of());
        model.close();
        model.close();
        counter.increment();

        assertEquals(List.of(), metrics.families());
        failure(StatusCode.UNAVAILABLE, () -> model.counter("y_total", "", Map.of()));
        // The name is free for something else.
        ofModel("n").gauge("x_total", "", Map.of());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1st", "_x", "a-b", "a b", "a:b", "ä", "x\n# HELP y", "nv_inference_count", "nv_"})
    void refusesNames(String name) {
        failure(StatusCode.INVALID_ARG, () -> model.counter(name, "", Map.of()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "1st", "__name__", "a-b", "model", "version", "backend", "le"})
    void refusesLabels(String label) {
        failure(StatusCode.INVALID_ARG, () -> model.gauge("x", "", Map.of(label, "")));
    }

    @Test
    void refusesBoundsThatAreNone() {
        for (double[] bounds : new double[][]{{}, {1, 1}, {2, 1}, {Double.NaN}, {1, Double.POSITIVE_INFINITY},
            new double[101]}) {
            failure(StatusCode.INVALID_ARG, () -> model.histogram("x", "", Map.of(), bounds));
        }
    }

    @Test
    void aNameIsOfOneKind() {
        model.counter("x", "", Map.of());

        assertEquals("model 'n' can't register gauge 'x': model 'm' has a counter 'x'",
                failure(StatusCode.ALREADY_EXISTS, () -> ofModel("n").gauge("x", "", Map.of())).getMessage());
    }

    @Test
    void theNamesUnderWhichAHistogramIsShownAreTaken() {
        model.histogram("x", "", Map.of(), 1);
        model.counter("y_sum", "", Map.of());

        assertEquals("model 'm' can't register counter 'x_count': model 'm' has a histogram 'x'",
                failure(StatusCode.ALREADY_EXISTS, () -> model.counter("x_count", "", Map.of())).getMessage());
        assertEquals("model 'm' can't register histogram 'y': model 'm' has a counter 'y_sum'",
                failure(StatusCode.ALREADY_EXISTS, () -> model.histogram("y", "", Map.of(), 1)).getMessage());
    }

    @Test
    void labelsThatNeverRepeatAreStopped() {
        for (int i = 0; i < BackendMetrics.LIMIT; i++) {
            model.counter("x_total", "", Map.of("id", Integer.toString(i))).increment();
        }

        failure(StatusCode.UNAVAILABLE, () -> model.counter("x_total", "", Map.of("id", "one more")));
        ofModel("n").counter("x_total", "", Map.of("id", "another model's")).increment();
    }

    @Test
    void aCounterOnlyGrows() {
        Metrics.Counter counter = model.counter("x_total", "", Map.of());

        for (double amount : new double[]{-1, Double.NaN, Double.POSITIVE_INFINITY}) {
            assertThrows(IllegalArgumentException.class, () -> counter.add(amount));
        }
        assertEquals(new Single(0), metrics.families().getFirst().samples().getFirst().value());
    }

    @Test
    void nothingIsLostWhenManyRecord() {
        Metrics.Counter counter = model.counter("x_total", "", Map.of());
        Metrics.Gauge gauge = model.gauge("y", "", Map.of());
        try (ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor()) {
            for (int i = 0; i < 8; i++) {
                executor.execute(() -> {
                    for (int n = 0; n < 1000; n++) {
                        counter.increment();
                        gauge.add(1);
                    }
                });
            }
        }

        assertEquals(new Single(8000), metrics.families().getFirst().samples().getFirst().value());
        assertEquals(new Single(8000), metrics.families().getLast().samples().getFirst().value());
    }
}

package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

final class MeasurementTest {
    private static final long SECOND = 1_000_000_000;

    /** Returns a window of one second. */
    private static Window window(int requests, long micros) {
        LoadRecorder recorder = new LoadRecorder();
        for (int i = 0; i < requests; i++) {
            recorder.success(micros * 1000, 0);
        }
        return recorder.take(SECOND, ServerTimes.ZERO);
    }

    @Test
    void keepsLatenciesToThreeDigits() {
        LoadRecorder recorder = new LoadRecorder();
        for (int i = 1; i <= 1000; i++) {
            recorder.success(i * 1000L, i % 2 * 500L);
        }

        Window window = recorder.take(2 * SECOND, ServerTimes.ZERO);

        assertEquals(1000, window.requests());
        assertEquals(500, window.requestsPerSecond());
        assertEquals(500.5, window.meanMicros(), 0.5);
        assertEquals(500, window.percentileMicros(50), 0.5);
        assertEquals(990, window.percentileMicros(99), 1);
        assertEquals(1000, window.percentileMicros(100), 1);
        assertEquals(250, window.delays().getMean(), 1);
    }

    @Test
    void takesEachWindowForItself() {
        LoadRecorder recorder = new LoadRecorder();
        recorder.success(1000, 0);
        recorder.failure("first");
        recorder.failure("second");
        assertEquals(2, recorder.failuresInARow());
        assertEquals(2, recorder.take(SECOND, ServerTimes.ZERO).failures());

        recorder.success(2000, 0);
        Window second = recorder.take(SECOND, ServerTimes.ZERO);

        assertEquals(1, second.requests());
        assertEquals(0, second.failures());
        assertEquals(0, recorder.failuresInARow());
        assertEquals(4, recorder.answered());
        assertEquals(Optional.of("first"), recorder.firstFailure());
    }

    @Test
    void mergesWindows() {
        Window merged = Window.merge(List.of(window(100, 10), window(300, 30)));

        assertEquals(400, merged.requests());
        assertEquals(200, merged.requestsPerSecond());
        assertEquals(25, merged.meanMicros(), 0.1);
    }

    @Test
    void isStableOnceThreeWindowsAgree() {
        StabilityRule rule = new StabilityRule(10, OptionalDouble.empty());
        Window good = window(1000, 100);

        assertFalse(rule.isStable(List.of(good, good)));
        assertTrue(rule.isStable(List.of(good, good, good)));
        assertTrue(rule.isStable(List.of(window(1, 1), good, window(1050, 105), window(950, 95))));
    }

    @Test
    void isNotStableWhileThroughputOrLatencyChanges() {
        StabilityRule rule = new StabilityRule(10, OptionalDouble.empty());
        Window good = window(1000, 100);

        assertFalse(rule.isStable(List.of(good, good, window(1300, 100))));
        assertFalse(rule.isStable(List.of(good, good, window(1000, 130))));
        assertFalse(rule.isStable(List.of(window(0, 0), window(0, 0), window(0, 0))));
    }

    @Test
    void looksAtThePercentileThatWasAskedFor() {
        LoadRecorder recorder = new LoadRecorder();
        for (int i = 0; i < 1000; i++) {
            recorder.success(i < 980 ? 100_000 : 200_000, 0);
        }
        List<Window> windows = List.of(window(1000, 100), window(1000, 100), recorder.take(SECOND, ServerTimes.ZERO));

        assertTrue(new StabilityRule(10, OptionalDouble.empty()).isStable(windows));
        assertTrue(new StabilityRule(10, OptionalDouble.of(90)).isStable(windows));
        assertFalse(new StabilityRule(10, OptionalDouble.of(99)).isStable(windows));
    }

    @Test
    void sharesTheServersTimesAmongRequests() {
        ServerTimes before = new ServerTimes(10, 5, 20, 1000, 1000, 1000, 1000);
        ServerTimes after = new ServerTimes(14, 7, 28, 9000, 5000, 41_000, 3000);

        ServerTimes between = after.since(before);

        assertEquals(2, between.microsPerRequest(between.queueNanos()));
        assertEquals(2 + 1 + 10 + 0.5, between.totalMicrosPerRequest());
        assertEquals(4, between.meanBatch());
        assertEquals(0, ServerTimes.ZERO.totalMicrosPerRequest());
    }
}

package dev.nereid.tools.perf;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Measures one level of load: warms up, then takes windows until they agree. For one thread. */
final class LevelRunner {
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    /** Whoever fails this often without a single success will not succeed any more. */
    private static final int MAX_FAILURES_IN_A_ROW = 1000;

    private final Settings settings;
    private final ServerApi api;
    private final StopSignal stop;
    private final Consumer<String> progress;

    /**
     * How to measure.
     *
     * @param batchSize the inferences in each request
     * @param warmupRequests how many requests to send before the first window, if that takes no longer than all windows
     * @param window the length of a window
     * @param maxWindows how many windows to measure at most
     * @param rule when to stop
     */
    record Settings(int batchSize, int warmupRequests, Duration window, int maxWindows, StabilityRule rule) {
    }

    LevelRunner(Settings settings, ServerApi api, StopSignal stop, Consumer<String> progress) {
        this.settings = settings;
        this.api = api;
        this.stop = stop;
        this.progress = progress;
    }

    /** Measures a load that is already being sent. */
    LevelResult run(LoadLevel level, LoadRecorder recorder) {
        String title = level.kind().toLowerCase(Locale.ROOT) + " " + level.text();
        warmUp(title, recorder);
        List<Window> windows = new ArrayList<>();
        Optional<ServerTimes> before = api.statistics();
        boolean hasServerTimes = before.isPresent();
        long failures = recorder.take(0, ServerTimes.ZERO).failures();
        long start = System.nanoTime();
        boolean isStable = false;
        while (!isStable && windows.size() < settings.maxWindows() && !stop.isStopped()) {
            progress.accept(title + ": window " + (windows.size() + 1) + " of at most " + settings.maxWindows()
                    + latest(windows));
            awaitEnd(start + settings.window().toNanos(), recorder);
            long end = System.nanoTime();
            Optional<ServerTimes> now = hasServerTimes ? api.statistics() : Optional.empty();
            hasServerTimes &= now.isPresent();
            ServerTimes counted = hasServerTimes ? now.orElseThrow().since(before.orElseThrow()) : ServerTimes.ZERO;
            Window window = recorder.take(end - start, counted);
            windows.add(window);
            failures += window.failures();
            before = now;
            start = end;
            if (recorder.failuresInARow() >= MAX_FAILURES_IN_A_ROW) {
                break;
            }
            isStable = settings.rule().isStable(windows);
        }
        return new LevelResult(level, settings.batchSize(), Window.merge(StabilityRule.last(windows)), windows.size(),
                isStable, hasServerTimes, failures, recorder.firstFailure());
    }

    private void warmUp(String title, LoadRecorder recorder) {
        progress.accept(title + ": warming up");
        long deadline = System.nanoTime() + settings.window().toNanos() * settings.maxWindows();
        while (recorder.answered() < settings.warmupRequests() && System.nanoTime() < deadline && !stop.isStopped()
                && recorder.failuresInARow() < MAX_FAILURES_IN_A_ROW) {
            stop.await(LOOK_NANOS);
        }
    }

    private void awaitEnd(long end, LoadRecorder recorder) {
        long left = end - System.nanoTime();
        while (left > 0 && !stop.isStopped() && recorder.failuresInARow() < MAX_FAILURES_IN_A_ROW) {
            stop.await(Math.min(left, 10 * LOOK_NANOS));
            left = end - System.nanoTime();
        }
    }

    private static String latest(List<Window> windows) {
        return windows.isEmpty()
                ? ""
                : String.format(Locale.ROOT, ", %.0f requests/s, p50 %.0f us, p99 %.0f us",
                        windows.getLast().requestsPerSecond(), windows.getLast().percentileMicros(50),
                        windows.getLast().percentileMicros(99));
    }
}

package dev.nereid.benchmark;

import dev.nereid.benchmark.ProcessFigures.HeapSize;
import dev.nereid.tools.report.Progress;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;

/**
 * Sends mixed requests to a server for long, at a rate that it easily bears, while a model is loaded and unloaded again and
 * again, and watches what becomes of its memory, threads and files. Each answer is looked at.
 */
final class Soak {
    /** Requests a second. */
    static final int RATE = 300;
    static final int CONNECTIONS = 6;
    static final int CYCLE_SECONDS = 2;
    private static final BenchCase CYCLED = BenchCase.MLP_BATCHED;
    private static final double MAX_INTERVAL_SECONDS = 10;
    private static final double MIN_INTERVAL_SECONDS = 1;
    private static final int MIN_SAMPLES = 30;
    private static final long POLL_MILLIS = 500;
    /** The cases whose models are needed. */
    static final List<BenchCase> CASES = List.of(BenchCase.IDENTITY_BINARY, BenchCase.IDENTITY_JSON,
            BenchCase.IMAGE_BINARY, BenchCase.IMAGE_JSON, BenchCase.MLP, CYCLED);

    private final BenchOptions options;
    private final Children children;
    private final Path home;
    private final Path models;
    private final Progress progress;

    /**
     * What a soak found.
     *
     * @param figures for the reports
     * @param wrong how many answers were wrong
     * @param firstProblem what was wrong with the first
     */
    record Outcome(List<Figure> figures, long wrong, Optional<String> firstProblem) {
        Outcome {
            figures = List.copyOf(figures);
        }
    }

    /** Watches a server of the layout in {@code home}; the directory holds the models of the cases. */
    Soak(BenchOptions options, Children children, Path home, Path directory, Progress progress) {
        this.options = options;
        this.children = children;
        this.home = home;
        this.models = directory.resolve("models");
        this.progress = progress;
    }

    /** Returns how long and how hard, as reports show it. */
    static String describe(double minutes) {
        return String.format(Locale.ROOT,
                "%s minutes, %d mixed requests a second on %d connections, each answer looked at, "
                        + "a model loaded and unloaded every %d seconds",
                minutes, RATE, CONNECTIONS, CYCLE_SECONDS);
    }

    /**
     * Runs the soak.
     *
     * @param samples is given each look at the server at once
     */
    Outcome run(Consumer<SoakSample> samples) {
        progress.show("soak: starting the server");
        try (ServerProcess server = ServerProcess.server(children, home, models, options.javaOptions().getFirst(),
                "--model-control-mode=explicit")) {
            server.awaitReady();
            for (BenchCase each : CASES) {
                if (each != CYCLED) {
                    double ignored = server.client().load(each.id());
                }
            }
            return run(server, samples);
        }
    }

    private Outcome run(ServerProcess server, Consumer<SoakSample> samples) {
        ProcessFigures process = new ProcessFigures(children, server.pid());
        List<SoakRequest> mix = SoakRequest.mix(server.client());
        SoakRequest cycled = SoakRequest.computed(server.client(), CYCLED, BenchCase.MLP, 0);
        AtomicInteger cycles = new AtomicInteger();
        List<SoakSample> all = new ArrayList<>();
        SoakLoad load = SoakLoad.start(server.client(), mix, RATE, CONNECTIONS,
                () -> cycle(server.client(), cycled, cycles), CYCLE_SECONDS);
        try (load) {
            double interval = interval(options.soakMinutes());
            int count = (int) Math.max(2, Math.round(options.soakMinutes() / interval));
            for (int i = 0; i <= count; i++) {
                await(load, i * options.soakMinutes() / count);
                SoakSample sample = sample(server, process, load);
                all.add(sample);
                samples.accept(sample);
                progress.show(String.format(Locale.ROOT,
                        "soak: %.1f of %s minutes, %d requests, %d answers wrong, %.0f MiB", sample.minutes(),
                        options.soakMinutes(), sample.requests(), sample.wrong(), sample.residentMib()));
            }
        }
        List<Figure> figures = new ArrayList<>(new SoakCurve(all).figures());
        figures.add(new Figure("soak: loads and unloads of a model", "", List.of(cycles.doubleValue()),
                Optional.empty()));
        figures.add(new Figure("soak: wrong answers", "", List.of((double) load.wrong()),
                Optional.of(Mark.WRONG_ANSWERS)));
        return new Outcome(figures, load.wrong(), load.firstProblem());
    }

    /** Returns the minutes between two looks. */
    private static double interval(double minutes) {
        return Math.clamp(minutes * 60 / MIN_SAMPLES, MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS) / 60;
    }

    /** Loads a model, asks it, and unloads it; returns what went wrong. */
    private static Optional<String> cycle(ServerClient client, SoakRequest request, AtomicInteger cycles) {
        try {
            double ignored = client.load(request.model());
            Optional<String> problem = request.send(client);
            ignored = client.unload(request.model());
            cycles.incrementAndGet();
            return problem;
        } catch (BenchException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private void await(SoakLoad load, double minutes) {
        try {
            while (load.minutes() < minutes) {
                if (children.isInterrupted()) {
                    throw new BenchException("interrupted");
                }
                Thread.sleep((long) Math.clamp((minutes - load.minutes()) * 60e3, 1, POLL_MILLIS));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    private static SoakSample sample(ServerProcess server, ProcessFigures process, SoakLoad load) {
        // One that has ended is told with the last lines of its log. It is not ready while a model is loaded.
        if (!server.client().isOk("/v2/health/live")) {
            throw new BenchException("the server is not live any more");
        }
        Optional<HeapSize> heap = process.heapSize();
        return new SoakSample(load.minutes(), process.residentMib(),
                heap.map(HeapSize::committedMib).orElse(Double.NaN), heap.map(HeapSize::usedMib).orElse(Double.NaN),
                process.threads(), process.openFiles(), load.answered(), load.wrong());
    }
}

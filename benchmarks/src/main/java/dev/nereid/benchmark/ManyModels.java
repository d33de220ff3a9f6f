package dev.nereid.benchmark;

import dev.nereid.tools.report.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;

/** Measures what many models take that nobody asks: the start, memory, threads, and a look at all their metrics. */
final class ManyModels {
    /** In this time the JVM of an idle server has collected what the start has left. */
    private static final long SETTLE_MILLIS = 20_000;
    private static final int MANY = 1000;
    /** The cases whose models are needed. */
    static final List<BenchCase> CASES = List.of(BenchCase.IDENTITY_BINARY, BenchCase.MLP);

    private final BenchOptions options;
    private final Children children;
    private final Path home;
    private final Path directory;
    private final Progress progress;

    /**
     * Models that differ by their names only.
     *
     * @param name what they are
     * @param model whose files they share
     * @param counts how many of them there are, in one server after the other
     */
    private record Kind(String name, BenchCase model, List<Integer> counts) {
        String label(int count) {
            return String.format(Locale.ROOT, "%,d %s %s", count, name, count == 1 ? "model" : "models");
        }
    }

    /** Measures servers of the layout in {@code home}; the directory holds the models of the cases. */
    ManyModels(BenchOptions options, Children children, Path home, Path directory, Progress progress) {
        this.options = options;
        this.children = children;
        this.home = home;
        this.directory = directory;
        this.progress = progress;
    }

    /** Measures servers with one, some and many models. */
    void measure(Consumer<Figure> figures) {
        List<Kind> kinds = List.of(new Kind("identity", BenchCase.IDENTITY_BINARY, List.of(1, 100, MANY)),
                new Kind("TorchScript", BenchCase.MLP, List.of(1, options.isQuick() ? 10 : 100)));
        for (Kind kind : kinds) {
            List<Path> repositories = kind.counts().stream().map(count -> repository(kind, count)).toList();
            for (int i = 0; i < options.javaOptions().size(); i++) {
                String variant = CaseRunner.variant(options, i);
                String suffix = variant.isEmpty() ? "" : ", server " + variant;
                OptionalDouble ofOne = OptionalDouble.empty();
                for (int j = 0; j < repositories.size(); j++) {
                    int count = kind.counts().get(j);
                    double resident = measure(kind.label(count) + suffix, repositories.get(j),
                            options.javaOptions().get(i), ofOne,
                            count == MANY ? Optional.of(Mark.MODELS_MIB) : Optional.empty(), figures);
                    if (count == 1) {
                        ofOne = OptionalDouble.of(resident);
                    }
                }
            }
        }
    }

    /** Makes a repository whose models are links to one. */
    private Path repository(Kind kind, int count) {
        Path repository = directory.resolve(kind.model().id() + "-" + count);
        try {
            Files.createDirectories(repository);
            for (int i = 1; i <= count; i++) {
                Files.createSymbolicLink(repository.resolve(String.format(Locale.ROOT, "model-%04d", i)),
                        directory.resolve("models").resolve(kind.model().id()));
            }
            return repository;
        } catch (IOException e) {
            throw new BenchException("a model repository can't be written: " + e.getMessage(), e);
        }
    }

    /** Returns the resident memory of the idle server in MiB; the mark is for what that is over the memory with one model. */
    private double measure(String what, Path repository, String javaOptions, OptionalDouble ofOne,
            Optional<Mark> mark, Consumer<Figure> figures) {
        List<Double> starts = new ArrayList<>();
        for (int i = 1;; i++) {
            progress.show("start " + i + " of " + options.starts() + ", " + what);
            long begin = System.nanoTime();
            try (ServerProcess server = ServerProcess.server(children, home, repository, javaOptions)) {
                server.awaitReady();
                starts.add((System.nanoTime() - begin) / 1e9);
                if (i < options.starts()) {
                    continue;
                }
                figures.accept(new Figure("start to ready, " + what, "s", starts, Optional.empty()));
                progress.show("the idle server, " + what);
                settle();
                double resident = new ProcessFigures(children, server.pid()).residentMib();
                figures.accept(new Figure("resident memory when idle, " + what, "MiB", List.of(resident),
                        Optional.empty()));
                ofOne.ifPresent(one -> figures.accept(
                        new Figure("  over that with one, " + what, "MiB", List.of(resident - one), mark)));
                idle(what, server, figures);
                return resident;
            }
        }
    }

    private static void settle() {
        try {
            Thread.sleep(SETTLE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
    }

    private void idle(String what, ServerProcess server, Consumer<Figure> figures) {
        figures.accept(new Figure("threads, " + what, "",
                List.of((double) new ProcessFigures(children, server.pid()).threads()), Optional.empty()));
        List<Double> millis = new ArrayList<>();
        double kib = 0;
        try (ServerClient metrics = server.metricsClient()) {
            for (int i = 0; i < options.rounds(); i++) {
                long begin = System.nanoTime();
                kib = metrics.get("/metrics").length / 1024.0;
                millis.add((System.nanoTime() - begin) / 1e6);
            }
        }
        figures.accept(new Figure("scrape of /metrics, " + what, "ms", millis, Optional.empty()));
        figures.accept(new Figure("  its size, " + what, "KiB", List.of(kib), Optional.empty()));
    }
}

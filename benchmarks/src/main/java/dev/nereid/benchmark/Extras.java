package dev.nereid.benchmark;

import dev.nereid.tools.report.Progress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Measures what is not load: start, memory when idle, loading and unloading. */
final class Extras {
    private static final long SETTLE_MILLIS = 2000;
    private static final String MODEL = BenchCase.MLP.id();

    private final BenchOptions options;
    private final Children children;
    private final Path home;
    private final Path directory;
    private final Progress progress;

    /** Measures the server of the layout in {@code home}; the directory holds the models of the cases. */
    Extras(BenchOptions options, Children children, Path home, Path directory, Progress progress) {
        this.options = options;
        this.children = children;
        this.home = home;
        this.directory = directory;
        this.progress = progress;
    }

    /** Measures starts with one small TorchScript model, and the memory that the idle server then has. */
    void start(Consumer<Figure> figures) {
        Path linked = linkedHome();
        Path models = directory.resolve("one-model");
        try {
            Files.createDirectories(models);
            Files.createSymbolicLink(models.resolve(MODEL), directory.resolve("models").resolve(MODEL));
        } catch (IOException e) {
            throw new BenchException("a model repository can't be written: " + e.getMessage(), e);
        }
        for (int i = 0; i < options.javaOptions().size(); i++) {
            String variant = CaseRunner.variant(options, i);
            String suffix = variant.isEmpty() ? "" : ", server " + variant;
            starts("", suffix, linked, models, options.javaOptions().get(i), figures);
        }
        progress.show("nereid prepare");
        try (Child prepare = Child.start("nereid prepare", children,
                List.of(linked.resolve("nereid").toString(), "prepare"), Map.of())) {
            if (prepare.await() != 0) {
                throw new BenchException("nereid prepare failed:\n" + prepare.log());
            }
        }
        for (int i = 0; i < options.javaOptions().size(); i++) {
            String variant = CaseRunner.variant(options, i);
            String suffix = variant.isEmpty() ? "" : ", server " + variant;
            starts(" after nereid prepare", suffix, linked, models, options.javaOptions().get(i), figures);
        }
    }

    private void starts(String when, String suffix, Path linked, Path models, String javaOptions,
            Consumer<Figure> figures) {
        int count = options.starts();
        List<Double> later = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            progress.show("start " + (i + 1) + " of " + count + when + suffix);
            long begin = System.nanoTime();
            try (ServerProcess server = ServerProcess.server(children, linked, models, javaOptions)) {
                server.awaitReady();
                double seconds = (System.nanoTime() - begin) / 1e9;
                if (i == 0) {
                    figures.accept(new Figure("first start to ready" + when + suffix, "s", List.of(seconds),
                            Optional.empty()));
                } else {
                    later.add(seconds);
                }
                if (i == count - 1) {
                    figures.accept(new Figure("later start to ready" + when + suffix, "s", later,
                            Optional.of(Mark.START_SECONDS)));
                    idle(when + suffix, new ProcessFigures(children, server.pid()), figures);
                }
            }
        }
    }

    private static void idle(String when, ProcessFigures process, Consumer<Figure> figures) {
        try {
            Thread.sleep(SETTLE_MILLIS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new BenchException("interrupted", e);
        }
        figures.accept(new Figure("resident memory when idle" + when, "MiB", List.of(process.residentMib()),
                Optional.of(Mark.IDLE_MIB)));
        process.heap().ifPresent(heap -> {
            figures.accept(new Figure("  of that the heap" + when, "MiB", List.of(heap.residentMib()),
                    Optional.empty()));
            figures.accept(new Figure("  of that in use" + when, "MiB", List.of(heap.usedMib()), Optional.empty()));
        });
    }

    /** Makes a layout that shares all but the start cache with the real one, whose own is neither used nor changed. */
    private Path linkedHome() {
        Path linked = directory.resolve("home");
        try {
            Files.createDirectories(linked);
            for (String part : List.of("lib", "backends", "tools")) {
                Files.createSymbolicLink(linked.resolve(part), home.resolve(part));
            }
            Files.copy(home.resolve("nereid"), linked.resolve("nereid"));
            return linked;
        } catch (IOException e) {
            throw new BenchException("a second layout can't be made: " + e.getMessage(), e);
        }
    }

    /** Measures what it takes to load and unload models, one after the other, in a server that has nothing else to do. */
    void load(Iterable<BenchCase> cases, Consumer<Figure> figures) {
        try (ServerProcess server = ServerProcess.server(children, home, directory.resolve("models"),
                options.javaOptions().getFirst(), "--model-control-mode=explicit")) {
            server.awaitReady();
            for (BenchCase each : cases) {
                List<Double> loads = new ArrayList<>();
                List<Double> unloads = new ArrayList<>();
                // The first load starts the backend and is not like the others.
                double first = server.client().load(each.id());
                server.client().unload(each.id());
                for (int i = 0; i < options.rounds(); i++) {
                    progress.show("loading and unloading " + each.id() + ", " + (i + 1) + " of " + options.rounds());
                    loads.add(server.client().load(each.id()) * 1e3);
                    unloads.add(server.client().unload(each.id()) * 1e3);
                }
                figures.accept(new Figure("first load of " + each.id(), "ms", List.of(first * 1e3), Optional.empty()));
                figures.accept(new Figure("load of " + each.id(), "ms", loads, Optional.empty()));
                figures.accept(new Figure("unload of " + each.id(), "ms", unloads, Optional.empty()));
            }
        }
    }
}

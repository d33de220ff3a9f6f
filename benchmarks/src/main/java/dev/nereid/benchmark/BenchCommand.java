package dev.nereid.benchmark;

import dev.nereid.benchmark.BenchOptions.Extra;
import dev.nereid.server.cli.UsageException;
import dev.nereid.tools.report.Progress;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.ZoneId;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.Main;

/** {@code nereid bench}: the whole benchmark in one command. */
public final class BenchCommand {
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;
    private static final String JMH = "--jmh=";
    private static final String SOAK_CSV = "soak.csv";
    /** How long an interrupted process stays to end the others and to write what it has. */
    private static final long FAREWELL_SECONDS = 60;

    private final BenchOptions options;
    private final Path home;
    private final PrintStream out;
    private final Progress progress;
    private final Children children;
    private final Map<String, String> facts = new LinkedHashMap<>();
    private final List<CaseResult> results = new ArrayList<>();
    private final List<Figure> figures = new ArrayList<>();
    private final List<SoakSample> soak = new ArrayList<>();
    private long wrongAnswers;

    private BenchCommand(BenchOptions options, Path home, PrintStream out, Progress progress, Children children) {
        this.options = options;
        this.home = home;
        this.out = out;
        this.progress = progress;
        this.children = children;
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) throws IOException {
        if (arguments.length > 0 && arguments[0].startsWith(JMH)) {
            String[] rest = arguments.clone();
            rest[0] = arguments[0].substring(JMH.length());
            Main.main(rest);
            return;
        }
        Children children = new Children();
        CountDownLatch finished = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            children.interrupt();
            try {
                if (!finished.await(FAREWELL_SECONDS, TimeUnit.SECONDS)) {
                    System.err.println("the benchmark does not end; given up");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        int status;
        try {
            status = run(Arrays.asList(arguments), System.out, Progress.of(System.err), System.err, children);
        } finally {
            finished.countDown();
        }
        System.exit(status);
    }

    static int run(List<String> arguments, PrintStream out, Progress progress, PrintStream err, Children children) {
        try {
            Optional<BenchOptions> options = BenchCommandLine.parse(arguments);
            if (options.isEmpty()) {
                out.print(BenchCommandLine.usage());
                return 0;
            }
            String home = Optional.ofNullable(System.getProperty("nereid.home"))
                    .orElseThrow(() -> new BenchException("start the benchmark with './nereid bench'"));
            BenchCommand command = new BenchCommand(options.get(), Path.of(home), out, progress, children);
            if (options.get().models().isPresent()) {
                command.writeModels(options.get().models().get());
                return 0;
            }
            try {
                command.measure();
            } finally {
                command.writeReports();
            }
            return command.status();
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println("Run 'nereid bench --help' for all arguments.");
            return WRONG_USE;
        } catch (BenchException e) {
            progress.clear();
            err.println(children.isInterrupted()
                    ? "interrupted; what was measured so far is kept"
                    : "error: " + e.getMessage());
            return FAILED;
        }
    }

    /** Writes the models that another server is to serve. */
    private void writeModels(Path directory) {
        try (Stream<Path> there = Files.exists(directory) ? Files.list(directory) : Stream.empty()) {
            if (there.findAny().isPresent()) {
                throw new BenchException("'" + directory + "' is not empty");
            }
            Files.createDirectories(directory);
        } catch (IOException e) {
            throw new BenchException("can't write to " + directory + ": " + e.getMessage(), e);
        }
        Path work = temporaryDirectory();
        try {
            progress.show("making the models");
            BenchRepository.write(children, home, work, directory, models());
        } finally {
            children.close();
            delete(work);
        }
        progress.clear();
        out.println("wrote the models to " + directory
                + "; start another server with them and compare with --against=localhost:<port>");
    }

    private static Path temporaryDirectory() {
        try {
            return Files.createTempDirectory("nereid-bench");
        } catch (IOException e) {
            throw new BenchException("can't make a temporary directory: " + e.getMessage(), e);
        }
    }

    private void measure() {
        Path directory;
        try {
            Files.createDirectories(options.output());
            directory = temporaryDirectory();
        } catch (IOException e) {
            throw new BenchException("can't write to " + options.output() + ": " + e.getMessage(), e);
        }
        try {
            measure(directory);
        } finally {
            children.close();
            delete(directory);
        }
    }

    private void measure(Path directory) {
        progress.show("making the models");
        BenchRepository.write(children, home, directory, directory.resolve("models"), models());
        describe();
        if (options.cases().isEmpty()) {
            printFacts();
        } else {
            runCases(directory);
        }
        BenchTable table = new BenchTable(out, options.cases(), options.against().isPresent());
        Extras extras = new Extras(options, children, home, directory, progress);
        if (options.extras().contains(Extra.START)) {
            extras.start(figure -> add(table, figure));
        }
        if (options.extras().contains(Extra.LOAD)) {
            extras.load(loaded(), figure -> add(table, figure));
        }
        if (options.extras().contains(Extra.MODELS)) {
            new ManyModels(options, children, home, directory, progress).measure(figure -> add(table, figure));
        }
        if (options.extras().contains(Extra.SOAK)) {
            soak(table, directory);
        }
        progress.clear();
    }

    private void soak(BenchTable table, Path directory) {
        try (BufferedWriter csv = Files.newBufferedWriter(options.output().resolve(SOAK_CSV))) {
            csv.write(BenchCsv.soakHeader());
            Soak.Outcome outcome = new Soak(options, children, home, directory, progress).run(sample -> {
                soak.add(sample);
                try {
                    csv.write(BenchCsv.of(sample));
                    csv.flush();
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            outcome.figures().forEach(figure -> add(table, figure));
            wrongAnswers = outcome.wrong();
            outcome.firstProblem().ifPresent(problem -> out.println("  the first wrong answer: " + problem));
        } catch (IOException | UncheckedIOException e) {
            throw new BenchException(SOAK_CSV + " can't be written: " + e.getMessage(), e);
        }
    }

    private void runCases(Path directory) {
        LoadGenerator generator;
        try {
            generator = generator(directory);
        } catch (IOException e) {
            throw new BenchException("the load generator can't be made: " + e.getMessage(), e);
        }
        facts.put("Load generator", generator.name() + ", on the same processors");
        facts.put("Rounds", String.format(Locale.ROOT, "%d of %s s, after a warm-up of %s s", options.rounds(),
                options.seconds(), options.warmUpSeconds()));
        printFacts();
        BenchTable table = new BenchTable(out, options.cases(), options.against().isPresent());
        try (CaseRunner runner = CaseRunner.start(options, children, home, directory, generator, progress)) {
            progress.clear();
            out.println("times in microseconds, heap in KiB for a request, rss in MiB");
            table.begin();
            for (BenchCase each : new TreeSet<>(options.cases())) {
                runner.run(each, result -> {
                    progress.clear();
                    results.add(result);
                    table.add(result);
                });
                writeReports();
            }
        }
    }

    private void add(BenchTable table, Figure figure) {
        progress.clear();
        figures.add(figure);
        table.add(figure);
    }

    /** Returns the cases whose models are needed. */
    private Set<BenchCase> models() {
        EnumSet<BenchCase> models = EnumSet.noneOf(BenchCase.class);
        models.addAll(options.cases());
        if (options.cases().stream().anyMatch(BenchCase::isHeavy)) {
            models.add(BenchCase.IMAGE_BINARY);
        }
        if (options.extras().contains(Extra.START)) {
            models.add(BenchCase.MLP);
        }
        if (options.extras().contains(Extra.LOAD)) {
            models.addAll(loaded());
        }
        if (options.extras().contains(Extra.MODELS)) {
            models.addAll(ManyModels.CASES);
        }
        if (options.extras().contains(Extra.SOAK)) {
            models.addAll(Soak.CASES);
        }
        return models;
    }

    /** Returns the cases whose models are loaded and unloaded: a light one, a small one, and those that are large. */
    private Set<BenchCase> loaded() {
        EnumSet<BenchCase> loaded = EnumSet.of(BenchCase.IDENTITY_BINARY, BenchCase.MLP);
        options.cases().stream().filter(BenchCase::isHeavy).forEach(loaded::add);
        return loaded;
    }

    private LoadGenerator generator(Path directory) throws IOException {
        if (options.generator() == BenchOptions.Generator.PERF) {
            return new PerfGenerator(children);
        }
        Optional<LoadGenerator> wrk = WrkGenerator.find(children, directory);
        if (wrk.isEmpty() && options.generator() == BenchOptions.Generator.WRK) {
            throw new BenchException("wrk is not installed; --generator=perf needs nothing else");
        }
        return wrk.orElseGet(() -> new PerfGenerator(children));
    }

    private void describe() {
        facts.put("Date", LocalDateTime.now(ZoneId.systemDefault()).truncatedTo(ChronoUnit.MINUTES)
                .toString().replace('T', ' '));
        facts.put("Machine", Runtime.getRuntime().availableProcessors() + " processors"
                + firstLine("/proc/cpuinfo", "model name").map(name -> ", " + name).orElse("")
                + firstLine("/proc/meminfo", "MemTotal").map(size -> ", " + size + " memory").orElse("")
                + firstLine("/proc/loadavg", "").map(load -> ", load average before " + load.split(" ", 2)[0])
                        .orElse(""));
        facts.put("JVM", System.getProperty("java.runtime.version"));
        for (int i = 0; i < options.javaOptions().size(); i++) {
            String text = options.javaOptions().get(i);
            facts.put(("Server " + CaseRunner.variant(options, i)).strip(),
                    text.isEmpty() ? "the launcher's options" : "with " + text);
        }
        options.against().ifPresent(other -> facts.put("Compared with", "the server at port " + other.port()
                + (other.pid().isPresent() ? "" : " (--against-pid would tell what it takes)")));
        if (options.extras().contains(Extra.SOAK)) {
            facts.put("Soak", Soak.describe(options.soakMinutes()));
        }
    }

    private void printFacts() {
        facts.forEach((name, value) -> out.println(name + ": " + value));
    }

    /** Returns what follows the colon of a line that begins like that, or the first line. */
    private static Optional<String> firstLine(String file, String name) {
        try (Stream<String> lines = Files.lines(Path.of(file))) {
            return lines.filter(line -> line.startsWith(name)).findFirst()
                    .map(line -> line.substring(line.indexOf(':') + 1).strip());
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private void writeReports() {
        if (results.isEmpty() && figures.isEmpty() && soak.isEmpty()) {
            return;
        }
        try {
            Files.writeString(options.output().resolve("bench.csv"), BenchCsv.ofCases(results));
            Files.writeString(options.output().resolve("figures.csv"), BenchCsv.ofFigures(figures));
            Files.writeString(options.output().resolve("bench.html"), BenchPage.of(facts, results, figures, soak));
        } catch (IOException e) {
            throw new BenchException("can't write to " + options.output() + ": " + e.getMessage(), e);
        }
    }

    private int status() {
        out.println("wrote bench.csv, figures.csv" + (soak.isEmpty() ? "" : ", " + SOAK_CSV) + " and bench.html to "
                + options.output());
        long failures = results.stream()
                .mapToLong(result -> result.server().failures() + result.handler().failures()).sum();
        return failures == 0 && wrongAnswers == 0 ? 0 : FAILED;
    }

    private static void delete(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            System.err.println("can't remove " + directory + ": " + e.getMessage());
        }
    }
}

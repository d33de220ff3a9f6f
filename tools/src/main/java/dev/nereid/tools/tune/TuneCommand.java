package dev.nereid.tools.tune;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.BackendSource;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.server.cli.UsageException;
import dev.nereid.tools.report.Progress;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.logging.Level;
import java.util.logging.Logger;

/** {@code nereid tune}: finds out which batching and instance settings serve a model best. */
public final class TuneCommand {
    private static final String HOME = "nereid.home";
    private static final String CONFIG = "config.pbtxt";
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;
    private static final int BETTER_EXISTS = 3;
    /** How long an interrupted process stays to print what it has. */
    private static final long FAREWELL_SECONDS = 45;
    /** Kept here because a logger that nobody holds forgets its level. */
    private static final List<Logger> QUIET = List.of(Logger.getLogger("org.pf4j"), Logger.getLogger("dev.nereid"));

    private final TuneOptions options;
    private final PrintStream out;
    private final Progress progress;
    private final AtomicBoolean isStopped;
    private final Function<Path, BackendSource> sources;

    private TuneCommand(TuneOptions options, PrintStream out, Progress progress, AtomicBoolean isStopped,
            Function<Path, BackendSource> sources) {
        this.sources = sources;
        this.options = options;
        this.out = out;
        this.progress = progress;
        this.isStopped = isStopped;
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        // What the engine says about every load is of no use here.
        QUIET.forEach(logger -> logger.setLevel(Level.SEVERE));
        AtomicBoolean isStopped = new AtomicBoolean();
        CountDownLatch finished = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            isStopped.set(true);
            try {
                if (!finished.await(FAREWELL_SECONDS, TimeUnit.SECONDS)) {
                    System.err.println("the measurement does not end; given up");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        Optional<Path> backends = Optional.ofNullable(System.getProperty(HOME))
                .map(home -> Path.of(home).resolve("backends"));
        int status;
        try {
            status = run(Arrays.asList(arguments), backends, System.out, Progress.of(System.err), System.err, isStopped,
                    BackendSource::directory);
        } finally {
            finished.countDown();
        }
        System.exit(status);
    }

    static int run(List<String> arguments, Optional<Path> backends, PrintStream out, Progress progress,
            PrintStream err, AtomicBoolean isStopped, Function<Path, BackendSource> sources) {
        try {
            Optional<TuneOptions> options = TuneOptions.parse(arguments, backends);
            if (options.isEmpty()) {
                out.print(TuneOptions.USAGE);
                return 0;
            }
            return new TuneCommand(options.get(), out, progress, isStopped, sources).tune();
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println("Run 'nereid tune --help' for the arguments.");
            return WRONG_USE;
        } catch (TuneException | InferenceException | UncheckedIOException e) {
            progress.clear();
            err.println("error: " + e.getMessage());
            return FAILED;
        }
    }

    private int tune() {
        refuseWhatCantBeTuned();
        Path file = options.directory().resolve(CONFIG);
        String text = read(file);
        try (Trial trial = Trial.open(options.model(), options.directory(),
                List.of(sources.apply(options.backends())), options.settings())) {
            progress.show("loading " + options.model());
            ModelConfig config = trial.load(text).config();
            ConfigEdit edit = new ConfigEdit(text, config);
            Inputs inputs = new Inputs(config, options.directory(), options.source(), options.shapes());
            out.println("model " + options.model() + ": " + edit.current() + "; inputs: " + inputs.description());
            edit.fixedInstances().ifPresent(
                    reason -> out.println("the number of instances stays, since " + reason));
            Budget budget = new Budget(options.time(), System::nanoTime);
            Tuner.Result result = new Tuner(trial, edit, new Requests(options.model(), inputs::ofRows),
                    options.goal(), budget, Runtime.getRuntime().availableProcessors(), isStopped::get, progress::show)
                    .run();
            return report(result, edit, text, file, inputs, budget);
        }
    }

    /** Before it is loaded, since some of these need other models. */
    private void refuseWhatCantBeTuned() {
        var config = new ConfigLoader().poll(options.directory(), options.model());
        String what = config.hasEnsembleScheduling()
                ? "is an ensemble: tune the models that it consists of"
                : config.hasSequenceBatching()
                        ? "takes sequences, whose batches depend on its clients"
                        : config.getModelTransactionPolicy().getDecoupled()
                                ? "answers any number of times, which has no one latency"
                                : "";
        if (!what.isEmpty()) {
            throw new TuneException("model '" + options.model() + "' can't be tuned: it " + what);
        }
    }

    private static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file) : "";
        } catch (IOException e) {
            throw new TuneException("can't read " + file + ": " + e.getMessage(), e);
        }
    }

    private int report(Tuner.Result result, ConfigEdit edit, String before, Path file, Inputs inputs, Budget budget) {
        progress.clear();
        boolean isTaken = result.isBetter() || (isStopped.get() && !result.best().equals(result.today()));
        String after = isTaken ? edit.with(result.best()) : before;
        String diff = TextDiff.of(before, after);
        TuneReport report = new TuneReport(result, options.goal(), diff);
        out.println();
        out.print(report.table());
        out.println();
        out.println(report.verdict());
        if (!diff.isEmpty()) {
            out.println();
            out.print(diff);
        }
        int status = applied(result, file, after);
        // What was found must not be lost with it.
        options.report().ifPresent(path -> write(path, report.html(facts(inputs, budget))));
        return status;
    }

    /** Writes the configuration where it is better and that was asked for, and returns the command's status. */
    private int applied(Tuner.Result result, Path file, String after) {
        if (result.rows().stream().noneMatch(row -> row.load().isPresent())) {
            return FAILED;
        }
        if (!result.isBetter()) {
            return 0;
        }
        if (!options.applies()) {
            return BETTER_EXISTS;
        }
        apply(file, after);
        return 0;
    }

    private Map<String, String> facts(Inputs inputs, Budget budget) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("Model", options.model());
        facts.put("Goal", "p99 of " + TuneReport.time(options.goal().seconds())
                + (options.goal().rate().isPresent()
                        ? String.format(Locale.ROOT, " at %.0f requests a second", options.goal().rate().getAsDouble())
                        : ", as many requests as possible"));
        facts.put("Inputs", inputs.description());
        facts.put("Cores", Integer.toString(Runtime.getRuntime().availableProcessors()));
        facts.put("Took", options.time().minus(budget.left()).toSeconds() + " seconds");
        return facts;
    }

    private static void write(Path path, String text) {
        try {
            Files.writeString(path, text);
        } catch (IOException e) {
            throw new TuneException("can't write " + path + ": " + e, e);
        }
    }

    /** Keeps the old configuration under a name of its own. */
    private void apply(Path file, String text) {
        try {
            if (Files.exists(file)) {
                Path copy = file.resolveSibling(CONFIG + ".before");
                for (int i = 2; Files.exists(copy); i++) {
                    copy = file.resolveSibling(CONFIG + ".before-" + i);
                }
                Files.copy(file, copy);
                out.println("the old configuration is " + copy);
            }
            Path part = file.resolveSibling(CONFIG + ".part");
            Files.writeString(part, text);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            out.println("written: " + file);
        } catch (IOException e) {
            throw new TuneException("can't write " + file + ": " + e.getMessage(), e);
        }
    }
}

package dev.nereid.tools.perf;

import dev.nereid.server.cli.UsageException;
import dev.nereid.tools.report.Progress;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** {@code nereid perf}: measures a server under load. */
public final class PerfCommand {
    private static final int FAILED = 1;
    private static final int WRONG_USE = 2;
    private static final int OK = 200;
    /** How long an interrupted process stays to print what it has. */
    private static final long FAREWELL_SECONDS = 10;

    private static final DateTimeFormatter DATE = DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm 'UTC'", Locale.ROOT)
            .withZone(ZoneOffset.UTC);

    private final PerfOptions options;
    private final PrintStream out;
    private final Progress progress;
    private final StopSignal stop;

    private PerfCommand(PerfOptions options, PrintStream out, Progress progress, StopSignal stop) {
        this.options = options;
        this.out = out;
        this.progress = progress;
        this.stop = stop;
    }

    /** Runs the command and ends the process with its status. */
    public static void main(String[] arguments) {
        StopSignal stop = new StopSignal();
        CountDownLatch finished = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            stop.stop();
            try {
                if (!finished.await(FAREWELL_SECONDS, TimeUnit.SECONDS)) {
                    System.err.println("the measurement does not end; given up");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
        int status;
        try {
            status = run(Arrays.asList(arguments), System.out, Progress.of(System.err), System.err, stop);
        } finally {
            finished.countDown();
        }
        System.exit(status);
    }

    static int run(List<String> arguments, PrintStream out, Progress progress, PrintStream err, StopSignal stop) {
        try {
            Optional<PerfOptions> options = PerfCommandLine.parse(arguments);
            if (options.isEmpty()) {
                out.print(PerfFlags.usage());
                return 0;
            }
            return new PerfCommand(options.get(), out, progress, stop).measure(err);
        } catch (UsageException e) {
            err.println("error: " + e.getMessage());
            err.println("Run 'nereid perf --help' for all flags.");
            return WRONG_USE;
        } catch (PerfException e) {
            progress.clear();
            err.println("error: " + e.getMessage());
            return FAILED;
        }
    }

    private int measure(PrintStream err) {
        try (ServerApi api = new ServerApi(options.target(), options.model(), options.version())) {
            ModelDescription model = api.describe();
            List<byte[]> requests = requests(model, api.inferPath());
            Optional<ResponseCheck> check = options.inputs().isVerified()
                    ? Optional.of(new ResponseCheck(requests.size()))
                    : Optional.empty();
            requests.forEach(this::tryOut);
            List<LevelResult> results = sweep(api, requests, check);
            writeReports(results);
            return report(results, err);
        }
    }

    private List<byte[]> requests(ModelDescription model, String path) {
        PerfOptions.Inputs inputs = options.inputs();
        RequestEncoder encoder = new RequestEncoder(options.target(), path, inputs.isBinaryInput(),
                inputs.isBinaryOutput());
        return new InputMaker(model, inputs.source(), inputs.shapes(), options.measurement().batchSize(),
                inputs.stringLength()).make().stream().map(encoder::encode).toList();
    }

    /** Sends a request once, so that one that can't work is not sent a thousand times. */
    private void tryOut(byte[] request) {
        if (stop.isStopped()) {
            return;
        }
        try (HttpConnection connection = new HttpConnection(options.target())) {
            HttpReply reply = connection.exchange(request);
            if (reply.status() != OK) {
                throw new PerfException(
                        "the server refused a first request: it answered " + ServerApi.errorText(reply));
            }
        } catch (IOException e) {
            throw new PerfException("a first request failed: " + e.getMessage(), e);
        }
    }

    private List<LevelResult> sweep(ServerApi api, List<byte[]> requests, Optional<ResponseCheck> check) {
        LevelRunner runner = new LevelRunner(options.measurement(), api, stop, progress::show);
        ResultTable table = new ResultTable(out, options.sweep().isOpenLoop());
        List<LevelResult> results = new ArrayList<>();
        out.println("model " + options.model() + ", batch size " + options.measurement().batchSize()
                + "; times in microseconds");
        table.begin();
        for (LoadLevel level : options.sweep().levels()) {
            if (stop.isStopped()) {
                break;
            }
            LoadRecorder recorder = new LoadRecorder();
            LevelResult result;
            try (Load _ = start(level, new RequestSender.Job(options.target(), requests, check, recorder))) {
                result = runner.run(level, recorder);
            }
            progress.clear();
            results.add(result);
            table.add(result);
            if (result.window().requests() == 0) {
                break;
            }
        }
        return results;
    }

    private Load start(LoadLevel level, RequestSender.Job job) {
        PerfOptions.Sweep sweep = options.sweep();
        return switch (level) {
            case LoadLevel.Concurrency concurrency -> ClosedLoop.start(concurrency.concurrency(), job);
            case LoadLevel.RequestRate rate -> OpenLoop.start(job,
                    sweep.isPoisson()
                            ? ArrivalSchedule.poisson(rate.requestsPerSecond(), sweep.seed())
                            : ArrivalSchedule.constant(rate.requestsPerSecond()),
                    LoadClock.SYSTEM, sweep.maxConnections());
        };
    }

    private void writeReports(List<LevelResult> results) {
        if (results.isEmpty()) {
            return;
        }
        options.reports().csv().ifPresent(file -> write(file, CsvReport.of(results)));
        options.reports().html().ifPresent(file -> write(file,
                HtmlReport.of("Model " + options.model() + " under load", facts(), results)));
    }

    private Map<String, String> facts() {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("Server", options.target().toString());
        facts.put("Model", options.model() + (options.version().isEmpty() ? "" : ", version " + options.version()));
        facts.put("Batch size", Integer.toString(options.measurement().batchSize()));
        facts.put("Tensors", "inputs as " + (options.inputs().isBinaryInput() ? "bytes" : "JSON") + ", outputs as "
                + (options.inputs().isBinaryOutput() ? "bytes" : "JSON"));
        facts.put("Load", options.sweep().isOpenLoop()
                ? "open loop, requests at " + (options.sweep().isPoisson() ? "random" : "even") + " intervals"
                : "closed loop");
        facts.put("Measured", DATE.format(Instant.now()));
        facts.put("Window", options.measurement().window().toMillis() + " ms");
        return facts;
    }

    private static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new PerfException("can't write " + file + ": " + e.getMessage(), e);
        }
    }

    private int report(List<LevelResult> results, PrintStream err) {
        if (stop.isStopped()) {
            err.println("interrupted; this is what was measured so far");
        }
        if (results.stream().anyMatch(result -> !result.isStable())) {
            err.println("warning: not stable means that the last " + StabilityRule.WINDOWS
                    + " windows did not agree; a longer -p or a larger -r or -s may help");
        }
        for (LevelResult result : results) {
            if (result.failures() > 0) {
                err.println("error: " + result.level().kind().toLowerCase(Locale.ROOT) + " "
                        + result.level().text() + ": " + result.failures() + " requests failed; the first: "
                        + result.firstFailure().orElse("unknown"));
            } else if (result.window().requests() == 0) {
                err.println("error: no request was answered in the time of measurement");
            }
        }
        boolean isGood = !results.isEmpty() && results.stream()
                .allMatch(result -> result.failures() == 0 && result.window().requests() > 0);
        return isGood ? 0 : FAILED;
    }
}

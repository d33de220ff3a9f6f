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
        try (ServerApi api = api()) {
            ModelDescription model = api.describe();
            boolean isSequential = isSequential(model);
            Requests requests = requests(model);
            tryOut(requests, isSequential);
            List<LevelResult> results = sweep(api, requests, isSequential);
            writeReports(results);
            return report(results, err);
        }
    }

    private ServerApi api() {
        return options.exchange().isGrpc()
                ? new GrpcApi(options.target(), options.model(), options.version())
                : httpApi();
    }

    private HttpApi httpApi() {
        return new HttpApi(options.target(), options.model(), options.version());
    }

    /** Returns whether requests belong to sequences. */
    private boolean isSequential(ModelDescription model) {
        PerfOptions.Exchange exchange = options.exchange();
        if (model.isDecoupled() && !exchange.isStreaming()) {
            throw new PerfException("model '" + model.name() + "' is decoupled, it may answer any number of times; add "
                    + "--streaming");
        }
        boolean isSequential = model.takesSequences() || exchange.asksForSequences();
        if (isSequential && exchange.isStreaming() && !exchange.isGrpc()) {
            throw new PerfException("requests for generate_stream can't belong to sequences; use -i grpc --streaming");
        }
        long ids = exchange.sequences().lastId() - exchange.sequences().firstId() + 1;
        for (LoadLevel level : options.sweep().levels()) {
            if (isSequential && sequenceCount(level) > ids) {
                throw new PerfException(sequenceCount(level) + " sequences at a time need as many ids, and "
                        + "--sequence-id-range has " + ids);
            }
        }
        return isSequential;
    }

    /** Returns how many sequences are under way at a time. */
    private int sequenceCount(LoadLevel level) {
        return level instanceof LoadLevel.Concurrency concurrency
                ? concurrency.concurrency()
                : options.exchange().openLoopSequences();
    }

    private Requests requests(ModelDescription model) {
        PerfOptions.Inputs how = options.inputs();
        List<List<InputTensor>> inputs = new InputMaker(model, how.source(), how.shapes(),
                options.measurement().batchSize(), how.stringLength()).make();
        PerfOptions.Exchange exchange = options.exchange();
        if (exchange.isGrpc()) {
            GrpcEncoder encoder = new GrpcEncoder(options.model(), options.version(), exchange.isStreaming());
            GrpcRequests.Kind kind = !exchange.isStreaming()
                    ? GrpcRequests.Kind.CALLS
                    : model.isDecoupled() ? GrpcRequests.Kind.DECOUPLED_STREAM : GrpcRequests.Kind.STREAM;
            return new GrpcRequests(options.target(), inputs.stream().map(encoder::encode).toList(), kind,
                    how.isVerified());
        }
        try (HttpApi paths = httpApi()) {
            if (exchange.isStreaming()) {
                GenerateEncoder encoder = new GenerateEncoder(options.target(), paths.streamPath(), model);
                return new EventStreamRequests(options.target(), inputs.stream().map(encoder::encode).toList());
            }
            return HttpRequests.of(options.target(), new RequestEncoder(options.target(), paths.inferPath(),
                    how.isBinaryInput(), how.isBinaryOutput()), inputs, how.isVerified());
        }
    }

    /** Sends each request once, so that one that can't work is not sent a thousand times. */
    private void tryOut(Requests requests, boolean isSequential) {
        SequencePlace place = isSequential
                ? new SequencePlace(options.exchange().sequences().firstId(), true, true)
                : SequencePlace.NONE;
        try (RequestConnection connection = requests.connection()) {
            for (int i = 0; i < requests.count() && !stop.isStopped(); i++) {
                connection.exchange(i, place, new ResponseTimes()).ifPresent(problem -> {
                    throw new PerfException("a first request failed: " + problem);
                });
            }
        } catch (IOException e) {
            throw new PerfException("a first request failed: " + e.getMessage(), e);
        }
    }

    private List<LevelResult> sweep(ServerApi api, Requests requests, boolean isSequential) {
        LevelRunner runner = new LevelRunner(options.measurement(), api, stop, progress::show);
        ResultTable table = new ResultTable(out, options.sweep().isOpenLoop(), options.exchange().isStreaming());
        List<LevelResult> results = new ArrayList<>();
        PerfOptions.Exchange exchange = options.exchange();
        out.println("model " + options.model() + ", batch size " + options.measurement().batchSize()
                + (exchange.isGrpc() || exchange.isStreaming() ? ", " + exchange.text() : "")
                + (isSequential ? ", sequences of " + exchange.sequences().length() : "") + "; times in microseconds");
        table.begin();
        for (LoadLevel level : options.sweep().levels()) {
            if (stop.isStopped()) {
                break;
            }
            LoadRecorder recorder = new LoadRecorder(exchange.isStreaming());
            Optional<SequencePool> sequences = isSequential
                    ? Optional.of(new SequencePool(sequenceCount(level), exchange.sequences()))
                    : Optional.empty();
            LevelResult result;
            try (Load _ = start(level, new RequestSender.Job(requests, recorder, sequences))) {
                result = runner.run(level, recorder);
            }
            sequences.ifPresent(pool -> SequenceEnd.send(requests, pool));
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
        facts.put("Protocol", options.exchange().text());
        facts.put("Batch size", Integer.toString(options.measurement().batchSize()));
        boolean isJsonOnly = options.exchange().isStreaming() && !options.exchange().isGrpc();
        facts.put("Tensors",
                isJsonOnly
                        ? "JSON"
                        : "inputs as " + (options.inputs().isBinaryInput() ? "bytes" : "JSON") + ", outputs as "
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

package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.model.Engine;
import dev.nereid.server.NereidServer;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.cli.CommandLine;
import dev.nereid.server.v2.LogControl;
import dev.nereid.tools.report.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole command against a real server, over each protocol. */
@Timeout(120)
final class ServedPerfTest {
    private static final int FAILING = -1;

    @TempDir
    private Path directory;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    /** The requests of each sequence, in the order in which they came: whether each is a start or an end. */
    private final Map<String, List<String>> sequences = new ConcurrentHashMap<>();
    private NereidServer server;

    @BeforeEach
    void start() throws IOException {
        model("plain", "backend: \"once\" max_batch_size: 4 dynamic_batching { }");
        model("many", "backend: \"often\" model_transaction_policy { decoupled: true }");
        model("stateful", """
                backend: "once"
                max_batch_size: 4
                sequence_batching { control_input [
                  { name: "START" control [ { kind: CONTROL_SEQUENCE_START int32_false_true: [ 0, 1 ] } ] },
                  { name: "READY" control [ { kind: CONTROL_SEQUENCE_READY int32_false_true: [ 0, 1 ] } ] } ] }""");
        ServerOptions options = CommandLine.parse(List.of("--model-repository=" + directory.resolve("models"),
                "--http-port=0", "--http-address=127.0.0.1", "--grpc-port=0", "--grpc-address=127.0.0.1",
                "--allow-metrics=false")).options(directory);
        server = NereidServer.start(options, LogControl.fixed(options.logging()), Engine.create(
                options.engine().with(BackendOptions.DEFAULT
                        .withSources(BackendSource.of(new FakeBackend("once").onExecute(this::answerOnce)),
                                BackendSource.of(new FakeBackend("often").onExecute(this::answerOften)))),
                GpuDriver.none("this is a test")));
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private void model(String name, String more) throws IOException {
        Path model = directory.resolve("models").resolve(name);
        Files.createDirectories(model.resolve("1"));
        Files.writeString(model.resolve("config.pbtxt"), """
                instance_group [ { count: 1 kind: KIND_CPU } ]
                input [ { name: "IN" data_type: TYPE_INT32 dims: [ 2 ] } ]
                output [ { name: "OUT" data_type: TYPE_INT32 dims: [ 2 ] } ]
                """ + more);
    }

    /** Answers with the input. */
    private void answerOnce(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            if (request.correlationId().isPresent()) {
                sequences.computeIfAbsent(request.correlationId().toString(), ignored -> new ArrayList<>())
                        .add((request.isSequenceStart() ? "start" : "") + (request.isSequenceEnd() ? "end" : ""));
            }
            if (number(request) == FAILING) {
                request.fail(InferenceException.unavailable("no luck"));
            } else {
                response(request).send();
            }
        }
    }

    /** Answers with the input as often as its first number says, and fails after one answer where that is -1. */
    private void answerOften(Batch batch) {
        for (InferenceRequest request : batch.requests()) {
            int count = number(request);
            for (int i = 0; i < Math.abs(count); i++) {
                response(request).sendPartial();
            }
            if (count == FAILING) {
                request.fail(InferenceException.unavailable("no luck"));
            } else {
                request.complete();
            }
        }
    }

    private static int number(InferenceRequest request) {
        return request.input("IN").orElseThrow().data().get(ValueLayout.JAVA_INT_UNALIGNED, 0);
    }

    private static InferenceResponse response(InferenceRequest request) {
        Tensor input = request.input("IN").orElseThrow();
        InferenceResponse response = request.newResponse();
        response.copyOutput("OUT", input.dataType(), input.shape(), input.data());
        return response;
    }

    /** Runs the command with short windows. */
    private int run(String protocol, String model, String... more) {
        List<String> arguments = new ArrayList<>(List.of("-m", model, "-i", protocol, "-u",
                "127.0.0.1:" + (protocol.equals("grpc") ? server.grpcPort() : server.httpPort()), "-p", "100", "-s",
                "1000", "--warmup-request-count", "10"));
        arguments.addAll(List.of(more));
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        return PerfCommand.run(arguments, new PrintStream(out, true, StandardCharsets.UTF_8), Progress.none(errors),
                errors, new StopSignal());
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    private String input(int first) throws IOException {
        Path file = directory.resolve("input.json");
        Files.writeString(file, "{\"data\":[{\"IN\":[" + first + ",7]}]}");
        return "--input-data=" + file;
    }

    /** Returns a column of the CSV file. */
    private double figure(Path csv, String column) throws IOException {
        List<String> lines = Files.readAllLines(csv);
        int place = List.of(lines.getFirst().split(",", -1)).indexOf(column);
        assertTrue(place >= 0, lines.getFirst());
        return Double.parseDouble(lines.get(1).split(",", -1)[place]);
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "grpc"})
    void measuresAModelThatAnswersOnce(String protocol) throws IOException {
        Path csv = directory.resolve("result.csv");

        assertEquals(0, run(protocol, "plain", "-b", "2", "--verify", "--concurrency-range", "2", "-f", csv.toString()),
                err());

        assertEquals(0, figure(csv, "Errors"));
        double requests = figure(csv, "Inferences/Second") / 2;
        assertTrue(requests > 10, requests + " requests a second");
        assertTrue(figure(csv, "Server Batch") >= 2, "the server's statistics are there");
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "grpc"})
    void countsTheResponsesOfADecoupledModel(String protocol) throws IOException {
        Path csv = directory.resolve("result.csv");

        assertEquals(0, run(protocol, "many", "--streaming", input(5), "-f", csv.toString()), err());

        assertEquals(5, figure(csv, "Responses/Second") / figure(csv, "Inferences/Second"), 0.5);
        assertTrue(figure(csv, "Avg first response") <= figure(csv, "Avg latency"));
        assertTrue(figure(csv, "p50 between responses") <= figure(csv, "p50 latency"));
        assertTrue(out.toString(StandardCharsets.UTF_8).startsWith("model many, batch size 1, "
                + (protocol.equals("grpc") ? "gRPC streams" : "HTTP, server-sent events") + "; "));
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "grpc"})
    void noticesTheEndOfARequestWithoutResponses(String protocol) throws IOException {
        Path csv = directory.resolve("result.csv");

        assertEquals(0, run(protocol, "many", "--streaming", input(0), "-f", csv.toString()), err());

        assertTrue(figure(csv, "Inferences/Second") > 10);
        assertEquals(0, figure(csv, "Responses/Second"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"http", "grpc"})
    void streamsFromAModelThatAnswersOnce(String protocol) throws IOException {
        Path csv = directory.resolve("result.csv");

        assertEquals(0, run(protocol, "plain", "--streaming", "-f", csv.toString()), err());

        assertEquals(1, figure(csv, "Responses/Second") / figure(csv, "Inferences/Second"), 0.1);
    }

    @ParameterizedTest
    @CsvSource({"http,many,--streaming", "grpc,many,--streaming", "grpc,plain,--streaming", "grpc,plain,-b=1"})
    void tellsWhatTheModelSays(String protocol, String model, String flag) throws IOException {
        String[] flags = flag.startsWith("-b") ? new String[]{input(FAILING)} : new String[]{flag, input(FAILING)};

        assertEquals(1, run(protocol, model, flags));

        assertTrue(err().startsWith("error: a first request failed: ") && err().contains("no luck"), err());
    }

    @ParameterizedTest
    @CsvSource({"http,''", "grpc,''", "grpc,--streaming"})
    void sendsSequences(String protocol, String streaming) {
        List<String> flags = new ArrayList<>(List.of("--sequence-length=5", "--sequence-length-variation=40",
                "--sequence-id-range=100", "--concurrency-range=3"));
        if (!streaming.isEmpty()) {
            flags.add(streaming);
        }

        assertEquals(0, run(protocol, "stateful", flags.toArray(String[]::new)), err());

        assertTrue(sequences.size() > 3, sequences::toString);
        assertTrue(sequences.containsKey("100") && sequences.containsKey("103"), sequences::toString);
        // The first, with one request, was tried out under the id that the first of the measurement has.
        assertEquals("startend", sequences.get("100").removeFirst());
        sequences.forEach((id, places) -> {
            assertEquals("start", places.getFirst(), id);
            assertEquals("end", places.getLast(), id + " was left open: " + places);
            assertTrue(places.size() >= 2 && places.size() <= 7, id + " has " + places.size());
            assertTrue(places.subList(1, places.size() - 1).stream().allMatch(String::isEmpty), id + ": " + places);
        });
    }

    @Test
    void sendsSequencesAtARate() {
        assertEquals(0, run("grpc", "stateful", "--num-of-sequences=2", "--request-rate-range=500",
                "--sequence-length=10"), err());

        assertTrue(sequences.containsKey("1") && sequences.containsKey("2"), sequences::toString);
        sequences.forEach((id, places) -> assertEquals("end", places.getLast().replace("start", ""), id));
    }

    @Test
    void tellsWhatCanNotBeMeasured() {
        assertEquals(1, run("http", "many"));
        assertEquals(1, run("http", "stateful", "--streaming"));
        assertEquals(1, run("grpc", "nosuch"));
        assertEquals(1, run("grpc", "stateful", "--sequence-id-range=1:2", "--concurrency-range=3"));

        assertEquals(List.of("error: model 'many' is decoupled, it may answer any number of times; add --streaming",
                "error: requests for generate_stream can't belong to sequences; use -i grpc --streaming",
                "error: 127.0.0.1:" + server.grpcPort()
                        + " answered NOT_FOUND: Request for unknown model: 'nosuch' is not found",
                "error: 3 sequences at a time need as many ids, and --sequence-id-range has 2"),
                err().lines().toList());
    }

    @Test
    void tellsThatNobodyAnswersOverGrpc() {
        int port = server.grpcPort();
        server.close();

        assertEquals(1, PerfCommand.run(List.of("-m", "plain", "-i", "grpc", "-u", "127.0.0.1:" + port),
                new PrintStream(out, true, StandardCharsets.UTF_8), Progress.none(System.err),
                new PrintStream(err, true, StandardCharsets.UTF_8), new StopSignal()));

        assertTrue(err().startsWith("error: 127.0.0.1:" + port + " answered UNAVAILABLE: ")
                && err().endsWith("; is the server running, and is -u its gRPC port?\n"), err());
    }
}

package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.perf.StubServer.Reply;
import dev.nereid.tools.report.Progress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(60)
final class PerfCommandTest {
    private static Reply alwaysGood(int request) {
        return Reply.ok(StubServer.OUTPUTS);
    }

    @TempDir
    Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private final StopSignal stop = new StopSignal();

    /** Measures in short windows; any three of them agree. */
    private int run(StubServer server, String... more) {
        return run(10, server, more);
    }

    private int run(int windowMillis, StubServer server, String... more) {
        List<String> arguments = new ArrayList<>(List.of("-m", "m", "-u", server.url(), "-p",
                Integer.toString(windowMillis), "-s", "1000", "-r", "100", "--warmup-request-count", "20"));
        arguments.addAll(List.of(more));
        return run(arguments);
    }

    private int run(List<String> arguments) {
        PrintStream errors = new PrintStream(err, true, StandardCharsets.UTF_8);
        return PerfCommand.run(arguments, new PrintStream(out, true, StandardCharsets.UTF_8), Progress.none(errors),
                errors, stop);
    }

    private String out() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String err() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void measuresARangeOfConcurrenciesOnConnectionsThatStay() throws IOException {
        try (StubServer server = StubServer.start(PerfCommandTest::alwaysGood)) {
            int status = run(server, "--concurrency-range", "1:3", "--verify");

            assertEquals(0, status, err());
            List<String> lines = out().lines().toList();
            assertEquals(5, lines.size());
            assertTrue(lines.get(0).startsWith("model m, batch size 1"), lines.get(0));
            assertEquals(List.of("1", "2", "3"),
                    lines.subList(2, 5).stream().map(line -> line.strip().split(" ", 2)[0]).toList());
            // One to ask, one to try out, and one for each request under way.
            assertEquals(2 + 1 + 2 + 3, server.connections.get());
        }
    }

    @Test
    void sendsWholeRequests() throws IOException {
        try (StubServer server = StubServer.start(PerfCommandTest::alwaysGood)) {
            assertEquals(0, run(server, "-H", "Authorization: Bearer x", "-b", "2"), err());

            String head = server.inferHeads.getFirst();
            assertTrue(head.startsWith("POST /v2/models/m/infer HTTP/1.1\r\nHost: " + server.url()
                    + "\r\nAuthorization: Bearer x\r\nContent-Type: application/octet-stream\r\n"), head);
            assertTrue(out().startsWith("model m, batch size 2"), out());
        }
    }

    @Test
    void measuresAtARateAndShowsWhatTheServerCounts() throws IOException {
        Path csv = directory.resolve("result.csv");
        Path html = directory.resolve("result.html");
        try (StubServer server = StubServer.start(PerfCommandTest::alwaysGood)) {
            int status = run(server, "--request-rate-range", "1000", "--request-distribution", "poisson",
                    "-f", csv.toString(), "--html", html.toString());

            assertEquals(0, status, err());
            List<String> lines = Files.readAllLines(csv);
            assertTrue(lines.get(0).startsWith("Request Rate,Inferences/Second,Avg latency,"), lines.get(0));
            List<String> names = List.of(lines.get(0).split(",", -1));
            List<String> values = List.of(lines.get(1).split(",", -1));
            assertEquals("1000", values.get(0));
            assertEquals("1", values.get(names.indexOf("Server Queue")));
            assertEquals("1", values.get(names.indexOf("Server Compute Output")));
            assertEquals("0", values.get(names.indexOf("Errors")));
            assertEquals("true", values.get(names.indexOf("Stable")));
            assertTrue(Files.readString(html).contains("<svg "));
        }
    }

    @Test
    void reconnectsWhenTheServerClosesConnections() throws IOException {
        try (StubServer server = StubServer.start(request -> {
            Reply reply = Reply.ok(StubServer.OUTPUTS);
            return request % 5 == 0 ? reply.thenClose() : request % 7 == 0 ? reply.thenVanish() : reply;
        })) {
            assertEquals(0, run(server), err());

            assertTrue(server.connections.get() > 4, "connections: " + server.connections);
        }
    }

    @Test
    void goesOnAfterErrorsAndEndsWithOne() throws IOException {
        try (StubServer server = StubServer
                .start(request -> request % 3 == 2 ? Reply.error(503, "busy") : Reply.ok(StubServer.OUTPUTS))) {
            assertEquals(1, run(server));

            assertTrue(err().contains("requests failed; the first: the server answered 503: busy"), err());
            assertEquals(3, out().lines().count());
        }
    }

    @Test
    void countsAnswersThatBreakOffAsErrors() throws IOException {
        try (StubServer server = StubServer.start(request -> {
            Reply reply = Reply.ok(StubServer.OUTPUTS);
            return request % 10 == 5 ? reply.cut() : reply;
        })) {
            assertEquals(1, run(server));

            assertTrue(err().contains("the first: the server closed the connection before its answer was complete"),
                    err());
        }
    }

    @Test
    void noticesOutputsThatChange() throws IOException {
        try (StubServer server = StubServer.start(request -> Reply
                .ok(request == 10 ? StubServer.OUTPUTS.replace("[1,2]}", "[1,3]}") : StubServer.OUTPUTS))) {
            assertEquals(1, run(server, "--verify"));

            assertTrue(err().contains("1 requests failed; the first: an answer's outputs differ from those of the "
                    + "first answer"), err());
        }
    }

    @Test
    void givesUpWhenNothingSucceedsAnyMore() throws IOException {
        try (StubServer server = StubServer
                .start(request -> request > 1 ? Reply.error(500, "broken") : Reply.ok(StubServer.OUTPUTS))) {
            assertEquals(1, run(60_000, server, "--concurrency-range", "1:5"));

            assertEquals(3, out().lines().count(), "one level is measured");
        }
    }

    @Test
    void endsEarlyAndShowsWhatThereIsWhenInterrupted() throws IOException {
        try (StubServer server = StubServer.start(request -> {
            if (request == 100) {
                stop.stop();
            }
            return Reply.ok(StubServer.OUTPUTS);
        })) {
            assertEquals(0, run(60_000, server, "--concurrency-range", "1:100"), err());

            assertTrue(err().startsWith("interrupted; this is what was measured so far"), err());
            assertEquals(3, out().lines().count());
            assertTrue(server.inferCount() >= 100);
        }
    }

    @Test
    void saysWhenTheFirstRequestIsRefused() throws IOException {
        try (StubServer server = StubServer.start(request -> Reply.error(400, "unexpected shape"))) {
            assertEquals(1, run(server));

            assertEquals("error: a first request failed: the server answered 400: unexpected shape\n", err());
            assertEquals("", out());
            assertEquals(1, server.inferCount());
        }
    }

    @Test
    void saysWhenTheModelIsUnknown() throws IOException {
        try (StubServer server = StubServer.start(PerfCommandTest::alwaysGood)) {
            assertEquals(1, run(List.of("-m", "other", "-u", server.url())));

            assertEquals("error: " + server.url() + " answered 404: Request for unknown model: 'other' is not found\n",
                    err());
        }
    }

    @Test
    void saysWhenTheServerIsNotThere() throws IOException {
        String url;
        try (StubServer server = StubServer.start(PerfCommandTest::alwaysGood)) {
            url = server.url();
        }

        assertEquals(1, run(List.of("-m", "m", "-u", url)));
        assertTrue(err().startsWith("error: can't connect to " + url), err());
    }

    @Test
    void explainsWrongFlags() {
        assertEquals(2, run(List.of("--concurency-range", "1")));

        assertTrue(err().startsWith("error: unknown flag --concurency-range; did you mean --concurrency-range?\n"),
                err());
    }

    @Test
    void printsTheFlags() {
        assertEquals(0, run(List.of("--help")));

        assertTrue(out().startsWith("Usage: nereid perf -m <model> [flags]\n"), out());
        assertFalse(out().contains("\t"));
    }
}

package dev.nereid.benchmark;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The load generator wrk, which takes whole seconds only. It has nothing to warm, but what it drives has. */
final class WrkGenerator implements LoadGenerator {
    private static final long PATIENCE_SECONDS = 60;
    private static final int MAX_THREADS = 2;
    private static final String SCRIPT = """
            wrk.method = "POST"
            local file = assert(io.open(os.getenv("NEREID_BODY"), "rb"))
            wrk.body = file:read("*a")
            file:close()
            wrk.headers["Content-Type"] = "application/json"
            if os.getenv("NEREID_JSON_LENGTH") ~= "0" then
              wrk.headers["Content-Type"] = "application/octet-stream"
              wrk.headers["Inference-Header-Content-Length"] = os.getenv("NEREID_JSON_LENGTH")
            end
            function done(summary, latency)
              local e = summary.errors
              local failures = e.connect + e.read + e.write + e.status + e.timeout
              local good = summary.requests - e.status
              io.write(string.format("ok\\t%d\\t%d\\t%d\\t%.0f\\t%.0f\\t%.0f\\t%.0f\\t%s\\n", summary.requests, good,
                failures, summary.duration * 1000, latency:percentile(50) * 1000, latency:percentile(99) * 1000,
                latency.max * 1000, failures > 0 and "wrk counts " .. e.status .. " answers that are no success" or ""))
            end
            """;

    private final Children children;
    private final Path program;
    private final Path script;

    private WrkGenerator(Children children, Path program, Path script) {
        this.children = children;
        this.program = program;
        this.script = script;
    }

    /** Returns the generator where wrk is on the path; a directory keeps its script. */
    static Optional<LoadGenerator> find(Children children, Path directory) throws IOException {
        Optional<Path> program = Arrays
                .stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
                .filter(entry -> !entry.isEmpty()).map(entry -> Path.of(entry, "wrk")).filter(Files::isExecutable)
                .findFirst();
        if (program.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(new WrkGenerator(children, program.get(),
                Files.writeString(directory.resolve("wrk.lua"), SCRIPT)));
    }

    @Override
    public String name() {
        return "wrk";
    }

    @Override
    public boolean sendsGrpc() {
        return false;
    }

    @Override
    public Turn run(int port, Request request, int connections, Duration warmUp, Duration measured) {
        long seconds = Math.max(1, Math.round(measured.toMillis() / 1e3));
        List<String> command = List.of(program.toString(), "-t" + Math.min(connections, MAX_THREADS),
                "-c" + connections, "-d" + seconds + "s", "-s" + script,
                "http://127.0.0.1:" + port + request.path());
        try (Child wrk = Child.start("wrk", children, command, Map.of("NEREID_BODY", request.body().toString(),
                "NEREID_JSON_LENGTH", Integer.toString(request.jsonLength())))) {
            while (true) {
                String line = wrk.line(seconds + PATIENCE_SECONDS);
                if (line.startsWith("ok\t")) {
                    return Turn.parse(line);
                }
            }
        }
    }

    @Override
    public void close() {
        // Each turn has a process of its own.
    }
}

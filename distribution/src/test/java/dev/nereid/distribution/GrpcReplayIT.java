package dev.nereid.distribution;

import dev.nereid.json.JsonValue;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sends what clients once sent to the reference over gRPC, on streams and over HTTP beside them, and compares the
 * answers. Each difference is either a defect, or stands in {@code accepted-differences.txt} with its reason, and in
 * {@code docs/compatibility.md}. A session is two files, its exchanges and its models.
 */
@Timeout(600)
class GrpcReplayIT {
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden-grpc");
    private static final Path ACCEPTED = GOLDEN.resolve("accepted-differences.txt");
    private static final Path EXAMPLES = Path.of("..", "backends", "examples").toAbsolutePath().normalize();
    /** Sessions rely on delays of some ten milliseconds, which a busy machine may stretch. */
    private static final int ATTEMPTS = 3;

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"grpc_all", "grpc_restricted", "grpc_restricted_all", "grpc_forward", "grpc_forward_all",
        "shm_default", "stream", "stream_error_1", "stream_error_2", "stream_error_3", "decoupled", "sequence",
        "sequence_broken", "iterative", "ensemble", "ensemble_broken", "cache",
        "cache_off",
        "cache_small", "namespacing", "namespacing_off", "namespacing_three", "namespacing_explicit", "optional_ragged",
        "optional_ragged_broken"})
    void answersAsTheReference(String name) throws Exception {
        RecordedSession session = RecordedSession.read(GOLDEN, name);
        AcceptedDifferences accepted = AcceptedDifferences.read(ACCEPTED);
        Map<String, Optional<String>> found = play(session, directory.resolve("0"));
        for (int attempt = 1; attempt < ATTEMPTS && accepted.hasUnknown(name, found); attempt++) {
            Map<String, Optional<String>> again = play(session, directory.resolve(Integer.toString(attempt)));
            // Equal once is equal.
            found.replaceAll((recording, difference) -> difference.isEmpty() ? difference : again.get(recording));
        }
        accepted.check(name, found);
    }

    @Test
    void everyReasonIsDocumented() throws IOException {
        AcceptedDifferences.read(ACCEPTED).checkReasons();
    }

    private static Map<String, Optional<String>> play(RecordedSession session, Path directory) throws Exception {
        Path models = directory.resolve("models");
        session.unpackModels(models);
        List<String> flags = new ArrayList<>(session.flags().stream()
                .map(flag -> flag.replace("{models}", models.toString())).toList());
        if (flags.stream().noneMatch(flag -> flag.startsWith("--exit-on-error"))) {
            flags.add("--exit-on-error=false");
        }
        flags.add("--backend-directory=" + backends(directory));
        Map<String, Optional<String>> found = new TreeMap<>();
        try (RunningServer server = RunningServer.start(models, flags.toArray(String[]::new));
                ReplayClient client = new ReplayClient(server.grpcPort())) {
            for (RecordedSession.Exchange exchange : session.exchanges()) {
                if (exchange.is("manual") && !exchange.is("changes_state")) {
                    continue;
                }
                Optional<String> difference = play(exchange, client, server, models.toString());
                Thread.sleep(exchange.number("settle_ms", 0)); // as long as the recorded client
                if (!exchange.is("setup_only") && !exchange.is("manual")) {
                    found.put(exchange.name(), difference);
                }
            }
        }
        return found;
    }

    private static Optional<String> play(RecordedSession.Exchange exchange, ReplayClient client, RunningServer server,
            String models) throws Exception {
        return switch (exchange.kind()) {
            case "unary" -> GrpcComparison.difference(exchange, client.unary(exchange, models));
            case "stream" -> GrpcComparison.difference(exchange, client.stream(exchange, models));
            default -> {
                boolean isForMetrics = exchange.line().member("request").find("port").map(JsonValue::asString)
                        .equals(Optional.of("metrics"));
                yield HttpSideComparison.difference(exchange, new Recording(exchange.line())
                        .send(isForMetrics ? server.metricsPort() : server.httpPort()), models);
            }
        };
    }

    /** Returns a directory with the server's backends and the example that recordings need beside them. */
    private static Path backends(Path directory) throws IOException {
        Path all = Files.createDirectories(directory.resolve("backends"));
        Path iterative = EXAMPLES.resolve(Path.of("iterative-sequence", "target", "plugin", "iterative_sequence"));
        try (Stream<Path> own = Files.list(RunningServer.LAYOUT.resolve("backends"))) {
            Stream.concat(own, Stream.of(iterative)).forEach(backend -> {
                try {
                    Files.createSymbolicLink(all.resolve(backend.getFileName()), backend);
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
        return all;
    }
}

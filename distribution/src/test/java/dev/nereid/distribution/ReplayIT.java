package dev.nereid.distribution;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Sends what a client once sent to the reference, byte for byte, and compares the answers. Each difference is either a
 * defect, or stands in {@code accepted-differences.txt} with its reason, and in {@code docs/compatibility.md}.
 */
class ReplayIT {
    private static final Path GOLDEN = Path.of("src", "test", "resources", "golden");
    private static final Path ACCEPTED = GOLDEN.resolve("accepted-differences.txt");

    @TempDir
    Path models;

    @ParameterizedTest
    @ValueSource(strings = {"explicit_all", "explicit_broken", "none_lax_readiness", "none_one_broken", "restricted",
        "strict_config"})
    void answersAsTheReference(String sessionName) throws Exception {
        Recording.Session session = Recording.Session
                .read(GOLDEN.resolve("recordings").resolve(sessionName + ".jsonl"));
        Recording.copyTree(GOLDEN.resolve("models").resolve(sessionName), models);
        List<String> flags = new ArrayList<>(session.flags());
        if (flags.stream().noneMatch(flag -> flag.startsWith("--exit-on-error"))) {
            flags.add("--exit-on-error=false");
        }
        Map<String, Optional<String>> found = new TreeMap<>();

        try (RunningServer server = RunningServer.start(models, flags.toArray(String[]::new))) {
            for (Recording recording : session.exchanges()) {
                if (recording.isManual()) {
                    continue;
                }
                Recording.Answer answer = recording.send(server.httpPort());
                if (recording.isSetupOnly()) {
                    continue;
                }
                found.put(recording.name(), Comparison.difference(recording.expected(), answer, models.toString()));
            }
        }

        AcceptedDifferences.read(ACCEPTED).check(sessionName, found);
    }

    @Test
    void everyReasonIsDocumented() throws IOException {
        AcceptedDifferences.read(ACCEPTED).checkReasons();
    }
}

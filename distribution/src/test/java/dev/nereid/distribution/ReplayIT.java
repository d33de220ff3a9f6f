package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
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
        Map<String, String> accepted = accepted();
        List<String> differences = new ArrayList<>();
        List<String> vanished = new ArrayList<>();
        int compared = 0;

        try (RunningServer server = RunningServer.start(models, flags.toArray(String[]::new))) {
            for (Recording recording : session.exchanges()) {
                if (recording.isManual()) {
                    continue;
                }
                Recording.Answer answer = recording.send(server.httpPort());
                if (recording.isSetupOnly()) {
                    continue;
                }
                compared++;
                String name = sessionName + "/" + recording.name();
                Optional<String> difference = Comparison.difference(recording.expected(), answer, models.toString());
                if (difference.isPresent() && !accepted.containsKey(name)) {
                    differences.add(name + ": " + difference.get());
                } else if (difference.isEmpty() && accepted.containsKey(name)) {
                    vanished.add(name);
                }
            }
        }

        assertTrue(compared > 0, "nothing was compared");
        assertEquals(List.of(), differences, "answers that differ without a reason");
        assertEquals(List.of(), vanished, "listed as different, but equal by now: remove them from " + ACCEPTED);
    }

    @Test
    void everyReasonIsDocumented() throws IOException {
        String compatibility = Files.readString(Path.of("..", "docs", "compatibility.md"));
        List<String> missing = accepted().values().stream().distinct()
                .filter(reason -> !compatibility.contains("<a id=\"" + reason + "\">")).toList();
        assertEquals(List.of(), missing, "reasons without a place in docs/compatibility.md");
    }

    /** Returns the reasons, which are anchors in the compatibility page, by recording. */
    private static Map<String, String> accepted() throws IOException {
        Map<String, String> accepted = new TreeMap<>();
        String reason = "";
        for (String line : Files.readAllLines(ACCEPTED)) {
            if (line.startsWith("[")) {
                reason = line.substring(1, line.indexOf(']'));
            } else if (!line.isBlank() && !line.startsWith("#")) {
                accepted.put(line.strip(), reason);
            }
        }
        return accepted;
    }
}

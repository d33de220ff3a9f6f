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

/**
 * Recordings whose answers differ on purpose. In the file, each stands below the anchor in docs/compatibility.md that
 * tells why, in brackets.
 */
final class AcceptedDifferences {
    private final Path file;
    private final Map<String, String> reasons;

    private AcceptedDifferences(Path file, Map<String, String> reasons) {
        this.file = file;
        this.reasons = reasons;
    }

    static AcceptedDifferences read(Path file) throws IOException {
        Map<String, String> reasons = new TreeMap<>();
        String reason = "";
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("[")) {
                reason = line.substring(1, line.indexOf(']'));
            } else if (!line.isBlank() && !line.startsWith("#")) {
                reasons.put(line.strip(), reason);
            }
        }
        return new AcceptedDifferences(file, reasons);
    }

    /**
     * Fails where answers differ without a reason, and where they are equal with one.
     *
     * @param session the session whose recordings were compared
     * @param found what differs, if anything, by recording
     */
    void check(String session, Map<String, Optional<String>> found) {
        List<String> differences = new ArrayList<>();
        List<String> vanished = new ArrayList<>();
        found.forEach((recording, difference) -> {
            String name = session + "/" + recording;
            if (difference.isPresent() && !reasons.containsKey(name)) {
                differences.add(name + ": " + difference.get());
            } else if (difference.isEmpty() && reasons.containsKey(name)) {
                vanished.add(name);
            }
        });
        assertTrue(!found.isEmpty(), "nothing was compared");
        assertEquals("", String.join("\n", differences), "answers that differ without a reason");
        assertEquals(List.of(), vanished, "listed as different, but equal by now: remove them from " + file);
        List<String> unknown = reasons.keySet().stream().filter(
                name -> name.startsWith(session + "/") && !found.containsKey(name.substring(session.length() + 1)))
                .toList();
        assertEquals(List.of(), unknown, "no such recordings: remove them from " + file);
    }

    /** Returns whether something differs without a reason. */
    boolean hasUnknown(String session, Map<String, Optional<String>> found) {
        return found.entrySet().stream()
                .anyMatch(each -> each.getValue().isPresent() && !reasons.containsKey(session + "/" + each.getKey()));
    }

    /** Fails where a reason has no place in docs/compatibility.md. */
    void checkReasons() throws IOException {
        String compatibility = Files.readString(Path.of("..", "docs", "compatibility.md"));
        List<String> missing = reasons.values().stream().distinct()
                .filter(reason -> !compatibility.contains("<a id=\"" + reason + "\">")).toList();
        assertEquals(List.of(), missing, "reasons without a place in docs/compatibility.md");
    }
}

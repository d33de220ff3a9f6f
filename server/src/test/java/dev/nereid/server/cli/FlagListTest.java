package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * No flag is forgotten: {@code flags.tsv} says of each whether it has an effect, is refused, or is only told to change nothing, and names a test that
 * would miss that. A new flag fails here until it is listed.
 */
class FlagListTest {
    @Test
    void listsEveryFlagAndNoOther() {
        Set<String> flags = new TreeSet<>();
        FlagTable.names().forEach(name -> flags.add(name + " effect"));
        FlagTable.refusedNames().forEach(name -> flags.add(name + " refused"));
        FlagTable.meaninglessNames().forEach(name -> flags.add(name + " told"));
        Set<String> listed = rows().stream().map(row -> row.get(0) + " " + row.get(1))
                .collect(Collectors.toCollection(TreeSet::new));

        assertEquals(String.join("\n", flags), String.join("\n", listed));
    }

    @Test
    void namesTestsThatUseTheFlag() throws IOException {
        List<Path> tests;
        try (Stream<Path> files = Files.walk(Path.of("..").toAbsolutePath().normalize())) {
            tests = files.filter(file -> file.getFileName().toString().matches(".*(Test|IT)\\.java")).toList();
        }
        for (List<String> row : rows()) {
            List<Path> named = tests.stream()
                    .filter(test -> test.getFileName().toString().equals(row.get(2) + ".java")).toList();
            // Those that are refused, or only told, are tested all at once, by the same lists.
            assertTrue(named.stream().anyMatch(test -> !row.get(1).equals("effect") || holds(test, row.get(0))),
                    () -> "no test " + row.get(2) + " that names " + row.get(0));
        }
    }

    private static boolean holds(Path test, String flag) {
        try {
            return Files.readString(test).contains(flag);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static List<List<String>> rows() {
        try (InputStream table = Objects.requireNonNull(FlagListTest.class.getResourceAsStream("/flags.tsv"))) {
            return new String(table.readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.startsWith("#")).map(line -> List.of(line.split("\t", -1))).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

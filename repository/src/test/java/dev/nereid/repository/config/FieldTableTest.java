package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.Descriptors.Descriptor;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
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
 * No field of the configuration is forgotten: {@code fields.tsv} says of each whether it has an effect, is refused or
 * warned of, and names a test that would miss that. A new field fails here until it is listed.
 */
class FieldTableTest {
    @Test
    void listsEveryFieldAndNoOther() {
        Set<String> fields = new TreeSet<>();
        ModelConfig.getDescriptor().getFile().getMessageTypes().forEach(type -> collect("", type, fields));
        Set<String> listed = rows().stream().map(row -> row.get(0)).collect(Collectors.toCollection(TreeSet::new));

        assertEquals(String.join("\n", fields), String.join("\n", listed));
        assertEquals(listed.size(), rows().size(), "a field is listed twice");
    }

    @Test
    void namesTestsThatAreThere() throws IOException {
        Set<String> tests;
        try (Stream<Path> files = Files.walk(Path.of("..").toAbsolutePath().normalize())) {
            tests = files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith("Test.java"))
                    .map(name -> name.substring(0, name.length() - ".java".length())).collect(Collectors.toSet());
        }
        for (List<String> row : rows()) {
            assertTrue(tests.contains(row.get(2)), () -> "no test " + row.get(2) + " for " + row.get(0));
        }
    }

    @Test
    void saysWhatBecomesOfEach() {
        for (List<String> row : rows()) {
            assertTrue(row.get(1).matches("(effect|refused|warned)( .*)?"), () -> String.join(" ", row));
        }
    }

    private static void collect(String scope, Descriptor type, Set<String> fields) {
        if (type.getOptions().getMapEntry()) {
            return;
        }
        String name = scope + type.getName() + ".";
        type.getFields().forEach(field -> fields.add(name + field.getName()));
        type.getNestedTypes().forEach(nested -> collect(name, nested, fields));
    }

    private static List<List<String>> rows() {
        try (InputStream table = Objects.requireNonNull(FieldTableTest.class.getResourceAsStream("/fields.tsv"))) {
            return new String(table.readAllBytes(), StandardCharsets.UTF_8).lines()
                    .filter(line -> !line.startsWith("#")).map(line -> List.of(line.split("\t", -1))).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

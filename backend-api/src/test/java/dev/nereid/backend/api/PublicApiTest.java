package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Compares the API with what a text file says it is, so that no change goes unnoticed.
 *
 * <p>While nothing is released, the file follows the code. From the first release on, the file of the last release
 * stays as it is, and within one major version lines are only added: in a new file, with a new minor version.
 */
class PublicApiTest {
    /** The interfaces that backends implement: there, a new method must have a default. */
    private static final List<String> IMPLEMENTED_BY_BACKENDS = Stream
            .of(BackendFactory.class, Backend.class, Model.class, ModelInstance.class).map(Class::getName).toList();
    private static final String VERSION = ApiVersion.MAJOR + "." + ApiVersion.MINOR;
    private static final Path BASELINE = Path.of("src", "test", "resources", "dev", "nereid", "backend", "api",
            "api-" + VERSION + ".txt");
    private static final String UPDATE = "nereid.api.update";
    private static final String HOW = """


            If that is meant: 'mvn -pl backend-api test -Dtest=PublicApiTest -D%s=true' writes %s anew.
            It is allowed while version %s of the API is not released. Afterwards add only, raise ApiVersion.MINOR,
            and keep the older file; anything else needs a new ApiVersion.MAJOR, with which no existing backend is loaded.
            """
            .formatted(UPDATE, BASELINE.getFileName(), VERSION);

    @Test
    void isAsTheBaselineSays() throws Exception {
        SortedSet<String> actual = ApiText.of(classes());
        if (Boolean.getBoolean(UPDATE)) {
            Files.write(BASELINE, actual);
        }
        SortedSet<String> expected = new TreeSet<>(Files.readAllLines(BASELINE));

        SortedSet<String> removed = new TreeSet<>(expected);
        removed.removeAll(actual);
        assertTrue(removed.isEmpty(), () -> "the API lost or changed what backends may use:\n"
                + String.join("\n", removed) + HOW);
        SortedSet<String> added = new TreeSet<>(actual);
        added.removeAll(expected);
        assertTrue(added.isEmpty(), () -> "the API has what the baseline doesn't have:\n" + String.join("\n", added)
                + HOW);
    }

    @Test
    void backendsImplementNoMoreThanTheyAlwaysDid() throws Exception {
        List<String> required = ApiText.of(classes()).stream()
                .filter(line -> line.startsWith("public abstract ") && line.endsWith(")"))
                .filter(line -> IMPLEMENTED_BY_BACKENDS.stream().anyMatch(name -> line.contains(" " + name + ".")))
                .map(line -> line.replaceAll("\\(.*", "").replaceAll(".*\\.", "")).sorted().toList();

        assertEquals(List.of("builtFor", "create", "createInstance", "createModel", "execute", "name"), required,
                "a method without default in an interface that backends implement breaks every existing backend");
    }

    private static Path classes() throws URISyntaxException {
        return Path.of(ApiVersion.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    }
}

package dev.nereid.repository;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.location.LocalLocation;
import dev.nereid.repository.location.RepositoryLocation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ModelRepositoryTest {
    private static final String CONFIG = "backend: 'b' ";

    @TempDir
    private Path temporary = Path.of("");
    private Path root = Path.of("");

    @BeforeEach
    void createRepository() throws IOException {
        root = Files.createDirectories(temporary.resolve("models"));
    }

    @Test
    void listsDirectoriesOfAllLocationsByName() throws IOException {
        Path other = Files.createDirectories(temporary.resolve("other"));
        Files.createDirectories(root.resolve("b"));
        Files.createDirectories(root.resolve("a"));
        Files.createDirectories(other.resolve("a"));
        Files.writeString(root.resolve("README"), "");

        Map<String, List<RepositoryLocation>> models = open(root, other).list();

        assertEquals(List.of("a", "b"), List.copyOf(models.keySet()));
        assertEquals(List.of(new LocalLocation(root), new LocalLocation(other)), models.get("a"));
    }

    @Test
    void leavesOutWhatFileSystemsAndToolsLeave() throws IOException {
        // given
        model("good", CONFIG, "1");
        for (String name : List.of("lost+found", ".git", "..data", ".ipynb_checkpoints")) {
            model(name, CONFIG, "1");
        }
        ModelRepository repository = open(root);

        // when, then
        assertEquals(Set.of("good"), repository.list().keySet());
        assertEquals(Set.of("good"), repository.pollAll(Map.of()).added().keySet());
        var failure = assertThrows(InferenceException.class, () -> repository.poll(".git"));
        assertEquals(StatusCode.NOT_FOUND, failure.code());
    }

    @Test
    void aCheckpointOfAnEditorIsNoChange() throws IOException {
        // given
        model("m", CONFIG, "1");
        ModelRepository repository = open(root);
        PolledModel before = repository.poll("m");

        // when
        Files.writeString(Files.createDirectories(root.resolve("m/.ipynb_checkpoints")).resolve("x"), "y");
        Files.createDirectories(root.resolve("m/lost+found"));

        // then
        assertTrue(repository.poll("m").isUnmodifiedSince(before));
        assertEquals(List.of(), repository.poll("m").warnings());
    }

    @Test
    void countsADirectoryOnceThatIsGivenTwice() throws IOException {
        // given
        model("m", CONFIG, "1");
        Path link = Files.createSymbolicLink(temporary.resolve("link"), root);

        // when
        ModelRepository repository = open(root, root.resolve("../models"), link);

        // then
        assertEquals(List.of(new LocalLocation(root)), repository.locations());
        assertEquals(List.of(1L), repository.poll("m").versions());
    }

    @Test
    void warnsOfCharactersThatNobodySees() {
        // given
        model("m", "backend: 'b' input { name: 'IN\u200b' data_type: TYPE_FP32 dims: 1 }", "1");

        // when, then
        assertEquals(List.of("configuration of model 'm': field 'input[0].name' has the invisible character U+200B "
                + "(zero width space) at position 3 of its value"), open(root).poll("m").warnings());
    }

    @Test
    void namesACharacterThatNobodySeesWhereTheModelIsRefused() {
        // given
        model("m", "name: 'm\u00a0' backend: 'b'", "1");

        // when, then
        var failure = assertThrows(InferenceException.class, () -> open(root).poll("m"));
        assertEquals("unexpected directory name 'm' for model 'm\\u00A0', directory name must equal model name; field "
                + "'name' has the invisible character U+00A0 (no-break space) at position 2 of its value",
                failure.getMessage());
    }

    @Test
    void refusesALocationThatIsNoDirectory() {
        var failure = assertThrows(InferenceException.class, () -> open(root.resolve("none")));
        assertEquals("repository path is not a valid directory", failure.getMessage());
    }

    @Test
    void startsEmpty() {
        assertEquals(Map.of(), open(root).list());
        assertEquals(Map.of(), open(root).pollAll(Map.of()).added());
    }

    @Test
    void refusesUnknownAndDuplicateModels() throws IOException {
        Path other = Files.createDirectories(temporary.resolve("other"));
        Files.createDirectories(root.resolve("a"));
        Files.createDirectories(other.resolve("a"));

        var unknown = assertThrows(InferenceException.class, () -> open(root).poll("nope"));
        assertEquals("failed to poll model 'nope': model not found in any model repository.", unknown.getMessage());
        assertEquals(StatusCode.NOT_FOUND, unknown.code());
        assertThrows(InferenceException.class, () -> open(root, other).poll("a"));
        assertEquals(Set.of("a"), open(root, other).pollAll(Map.of()).duplicates());
        assertThrows(InferenceException.class, () -> open(root).poll("../models/a"));
        assertThrows(InferenceException.class, () -> open(root).poll("a\u0000"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {"latest { num_versions: 1 } | 10", "latest { num_versions: 2 } | 9 10",
        "latest { num_versions: 4294967295 } | 0 9 10", "latest { num_versions: 0 } | ''", "all { } | 0 9 10",
        "specific { versions: [10, 0, 7] } | 0 10", "specific { versions: 7 } | ''", "'' | 0 9 10"})
    void selectsVersions(String policy, String expected) throws IOException {
        model("m", CONFIG + "version_policy { " + policy + " }");
        for (String name : List.of("0", "9", "10", "01", "v2", "warmup", "initial_state", "configs", "-1", "+3", ".git",
                "9223372036854775808")) {
            Files.createDirectories(root.resolve("m").resolve(name));
        }
        Files.writeString(root.resolve("m/11"), "no directory");

        PolledModel model = open(root).poll("m");

        assertEquals(expected, String.join(" ", model.versions().stream().map(String::valueOf).toList()));
        assertTrue(model.warnings().contains(
                "ignore version directory '01' which contains leading zeros in its directory name"));
        assertTrue(model.warnings().contains(
                "ignore version directory '9223372036854775808' which is out of range for a 64-bit integer"));
        assertFalse(model.warnings().toString().contains("warmup"));
    }

    @Test
    void warnsOfListedVersionsThatAreMissing() throws IOException {
        model("m", CONFIG + "version_policy { specific { versions: [1, 7] } }", "1");
        assertEquals(List.of("version 7 is specified for model 'm', but the version directory is not present"),
                open(root).poll("m").warnings());
    }

    @Test
    void needsAVersion() throws IOException {
        model("m", CONFIG);
        PolledModel model = open(root).poll("m");
        var failure = assertThrows(InferenceException.class, model::checkVersions);
        assertEquals("at least one version must be available under the version policy of model 'm'",
                failure.getMessage());
        assertTrue(model.hint().orElseThrow().contains("has no version directory"), model.hint().toString());
        assertTrue(model.hint().orElseThrow().endsWith("it holds: config.pbtxt"), model.hint().toString());
    }

    @Test
    void recognisesCommonMistakesInTheLayout() throws IOException {
        model("m", CONFIG);
        Files.writeString(root.resolve("m/model.pt"), "");
        assertTrue(open(root).poll("m").hint().orElseThrow()
                .endsWith("; move it into a version directory: 'm/1/model.pt'"));
        assertEquals(1, open(root.resolve("m")).hints().size());
        assertEquals(List.of(), open(root).hints());
    }

    @Test
    void findsWhatChanged() throws IOException {
        model("same", CONFIG, "1");
        model("edited", CONFIG, "1");
        model("gone", CONFIG, "1");
        model("broken", "bakend: 'b'", "1");
        ModelRepository repository = open(root);
        PollResult first = repository.pollAll(Map.of());
        assertEquals(Set.of("same", "edited", "gone"), first.added().keySet());
        assertEquals(Set.of("broken"), first.failed().keySet());

        model("edited", CONFIG + "max_batch_size: 2", "1");
        Files.delete(root.resolve("gone/1"));
        Files.delete(root.resolve("gone/config.pbtxt"));
        Files.delete(root.resolve("gone"));
        model("new", CONFIG, "1");
        PollResult second = repository.pollAll(first.added());

        assertEquals(Set.of("new"), second.added().keySet());
        assertEquals(Set.of("edited"), second.modified().keySet());
        assertEquals(Set.of("same"), second.unmodified().keySet());
        assertEquals(Set.of("gone"), second.removed());
        assertEquals(Set.of("broken"), second.failed().keySet());
    }

    @Test
    void noticesAFileOfTheSameSize() throws IOException {
        model("m", CONFIG, "1");
        Path file = Files.writeString(root.resolve("m/1/model.pt"), "a");
        PolledModel before = open(root).poll("m");
        assertTrue(open(root).poll("m").isUnmodifiedSince(before));

        Files.setLastModifiedTime(file, FileTime.fromMillis(Files.getLastModifiedTime(file).toMillis() + 1));

        assertFalse(open(root).poll("m").isUnmodifiedSince(before));
    }

    @Test
    void keepsVersionsWhenOnlyInstancesChange() throws IOException {
        model("m", CONFIG, "1", "2");
        PolledModel before = open(root).poll("m");

        model("m", CONFIG + "instance_group { count: 2 } version_policy { all { } }");
        PolledModel after = open(root).poll("m");

        assertFalse(after.isUnmodifiedSince(before));
        assertTrue(after.keepsVersionOf(before, 2));
        assertFalse(after.keepsVersionOf(before, 3));
        Files.writeString(root.resolve("m/2/model.pt"), "");
        PolledModel changed = open(root).poll("m");
        assertTrue(changed.keepsVersionOf(before, 1));
        assertFalse(changed.keepsVersionOf(before, 2));
        model("m", CONFIG + "max_batch_size: 2");
        assertFalse(open(root).poll("m").keepsVersionOf(before, 1));
        model("m", CONFIG);
        Files.writeString(root.resolve("m/labels.txt"), "");
        assertFalse(open(root).poll("m").keepsVersionOf(before, 1));
    }

    @Test
    void takesAConfigurationFromARequest() throws IOException {
        model("m", "nonsense", "1");

        PolledModel model = open(root).poll("m", "{\"backend\":\"b\",\"max_batch_size\":3}");

        assertEquals(3, model.config().getMaxBatchSize());
        assertTrue(model.isOverride());
        assertFalse(model.isUnmodifiedSince(model));
        assertThrows(InferenceException.class, () -> open(root).poll("m", "{\"name\":\"other\",\"backend\":\"b\"}"));
    }

    @Test
    void needsAConfigurationWithoutAutoComplete() throws IOException {
        Files.createDirectories(root.resolve("m.b/1"));
        ModelRepository strict = ModelRepository.open(List.of(root), new ConfigLoader(false, ""));

        assertEquals("b", open(root).poll("m.b").config().getBackend());
        var failure = assertThrows(InferenceException.class, () -> strict.poll("m.b"));
        assertEquals("failed to open text file for read " + root + "/m.b/config.pbtxt: No such file or directory",
                failure.getMessage());
        model("m.b", CONFIG + "input { name: 'I' }");
        var incomplete = assertThrows(InferenceException.class, () -> strict.poll("m.b"));
        assertEquals("model input 'I' must specify 'data_type' for m.b", incomplete.getMessage());
        assertDoesNotThrow(() -> open(root).poll("m.b"));
    }

    @Test
    void survivesLinksThatLeadBack() throws IOException {
        model("m", CONFIG, "1");
        Files.createSymbolicLink(root.resolve("m/1/loop"), root.resolve("m"));
        Files.createSymbolicLink(root.resolve("m/self"), root.resolve("m/self"));
        Files.createSymbolicLink(root.resolve("dangling"), root.resolve("none"));
        PolledModel model = open(root).poll("m");
        assertEquals(List.of(1L), model.versions());
        assertTrue(open(root).poll("m").isUnmodifiedSince(model));
        assertEquals(Set.of("m"), open(root).list().keySet());
    }

    @Test
    void answersOrFailsClearlyWhileSomebodyEdits() throws IOException, InterruptedException {
        Random random = new Random(42);
        AtomicBoolean isDone = new AtomicBoolean();
        Thread editor = Thread.ofPlatform().start(() -> {
            while (!isDone.get()) {
                try {
                    edit(random.nextInt(6));
                } catch (IOException | UncheckedIOException e) {
                    // The editor trips over itself now and then.
                }
            }
        });

        // Nothing but the one coded error comes out.
        try {
            Map<String, PolledModel> known = Map.of();
            for (int i = 0; i < 300; i++) {
                try {
                    known = open(root).pollAll(known).added();
                } catch (InferenceException e) {
                    assertFalse(e.getMessage().isBlank());
                }
            }
        } finally {
            isDone.set(true);
            editor.join();
        }
    }

    private void edit(int step) throws IOException {
        switch (step) {
            case 0 -> model("m", CONFIG, "1");
            case 1 -> Files.writeString(root.resolve("m/1/model.pt"), "x".repeat(1000));
            case 2 -> Files.deleteIfExists(root.resolve("m/config.pbtxt"));
            case 3 -> Files.deleteIfExists(root.resolve("m/1/model.pt"));
            case 4 -> Files.deleteIfExists(root.resolve("m/1"));
            default -> Files.move(root.resolve("m"), root.resolve("n" + System.nanoTime() % 3));
        }
    }

    @Test
    void buildsADirectoryFromARequest() throws IOException {
        Map<String, byte[]> files = Map.of("file:1/model.pt", bytes("abc"), "file:labels.txt", bytes("l"));
        Path path;

        try (OverrideDirectory directory = OverrideDirectory.create(temporary, files)) {
            path = directory.path();
            PolledModel model = open(root).poll("m", "{\"backend\":\"pytorch\"}", directory);

            assertEquals("abc", Files.readString(model.versionDirectory(1).resolve("model.pt")));
            assertEquals(List.of(1L), model.versions());
            assertEquals("m", model.config().getName());
        }
        assertFalse(Files.exists(path));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {"file:../../x.pt", "file:/etc/x", "file:", "file:..",
        "file:1/..", "file:1/../../x", "file:a\\..\\b", "file:.", "model.pt", "config", "file:%00/../../.."})
    void refusesFilesOutsideOfTheOverride(String parameter) throws IOException {
        var failure = assertThrows(InferenceException.class,
                () -> OverrideDirectory.create(temporary, Map.of(parameter, bytes("x"))));
        assertEquals(StatusCode.INVALID_ARG, failure.code());
        if (parameter.startsWith("file:")) {
            assertTrue(failure.getMessage()
                    .startsWith("Invalid file parameter '" + parameter + "' with normalized path '"));
            assertTrue(failure.getMessage().endsWith("' must stay within model directory."));
        }
        try (var left = Files.list(temporary)) {
            assertEquals(List.of(root), left.toList());
        }
    }

    @Test
    void refusesFilesInTheWayOfEachOther() {
        assertThrows(InferenceException.class,
                () -> OverrideDirectory.create(temporary, Map.of("file:1", bytes("x"), "file:1/a", bytes("x"))));
        assertThrows(InferenceException.class,
                () -> OverrideDirectory.create(temporary, Map.of("file:a", bytes("x"), "file:./a", bytes("x"))));
        assertThrows(InferenceException.class,
                () -> OverrideDirectory.create(temporary, Map.of("file:a\u0000", bytes("x"))));
    }

    private static ModelRepository open(Path... locations) {
        return ModelRepository.open(List.of(locations), new ConfigLoader());
    }

    private void model(String name, String config, String... versions) {
        try {
            Path directory = Files.createDirectories(root.resolve(name));
            Files.writeString(directory.resolve("config.pbtxt"), config);
            for (String version : versions) {
                Files.createDirectories(directory.resolve(version));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}

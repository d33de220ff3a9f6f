package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PathGuardTest {
    @TempDir
    private Path root = Path.of("");

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "/etc/passwd", "//etc/passwd", "..", "../x", "a/../x", "a/../../x", "a/..", ".",
        "./", "a\u0000b", "a\\..\\b", "..\\b", "a\nb", "a/\u007f"})
    void refusesPathsThatLeadOutOrNowhere(String path) {
        assertEquals(Optional.empty(), PathGuard.inside(root, path));
    }

    @ParameterizedTest
    @ValueSource(strings = {"labels.txt", "1/model.pt", "./a", "a//b", "..a", "a..", "...", "%2e%2e/x", "%2fetc", "~",
        "a b", "-rf", "ü"})
    void acceptsPathsInside(String path) {
        Path inside = PathGuard.inside(root, path).orElseThrow();
        assertTrue(inside.startsWith(root));
    }

    @Test
    void comparesElementsNotCharacters() throws IOException {
        Path model = Files.createDirectories(root.resolve("a"));
        Files.createDirectories(root.resolve("a_secret"));

        assertEquals(Optional.empty(), PathGuard.inside(model, "../a_secret/x"));
        Files.createSymbolicLink(model.resolve("link"), root.resolve("a_secret"));
        assertEquals(Optional.empty(), PathGuard.inside(model, "link/x"));
    }

    @Test
    void refusesLinksThatLeadOut() throws IOException {
        Path model = Files.createDirectories(root.resolve("m"));
        Path secret = Files.writeString(root.resolve("secret"), "s");
        Files.createSymbolicLink(model.resolve("file"), secret);
        Files.createSymbolicLink(model.resolve("directory"), root);
        Files.createSymbolicLink(model.resolve("dangling"), root.resolve("not-there"));
        Files.createSymbolicLink(model.resolve("loop"), model.resolve("loop"));

        for (String path : List.of("file", "directory/secret", "directory/new", "dangling", "dangling/x", "loop")) {
            assertEquals(Optional.empty(), PathGuard.inside(model, path), path);
        }
    }

    @Test
    void followsLinksThatStayInside() throws IOException {
        Path data = Files.createDirectories(root.resolve("..data"));
        Files.writeString(data.resolve("labels.txt"), "a");
        Files.createSymbolicLink(root.resolve("labels.txt"), Path.of("..data/labels.txt"));

        assertEquals(root.resolve("labels.txt"), PathGuard.inside(root, "labels.txt").orElseThrow());
    }

    @Test
    void worksThroughALinkedRoot() throws IOException {
        Path real = Files.createDirectories(root.resolve("real"));
        Path link = Files.createSymbolicLink(root.resolve("link"), real);
        Files.writeString(real.resolve("x"), "");

        assertTrue(PathGuard.inside(link, "x").isPresent());
    }

    @ParameterizedTest
    @ValueSource(strings = {"..", ".", "a/b", "/", "../x", "a\\b", "a\u0000", "a\nb"})
    void refusesModelNamesThatAreNoSingleDirectory(String name) {
        var failure = assertThrows(InferenceException.class, () -> PathGuard.checkModelName(name));
        assertTrue(failure.getMessage().startsWith("invalid model name '"));
        assertTrue(failure.getMessage().endsWith("', model name must not contain path traversal characters"));
        assertEquals(-1, failure.getMessage().indexOf('\n'));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\t"})
    void refusesBlankModelNames(String name) {
        var failure = assertThrows(InferenceException.class, () -> PathGuard.checkModelName(name));
        assertEquals("Model name cannot be empty. Please enter a valid name to deploy.", failure.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "a.pytorch", "a..b", "...", "%2e%2e", "a b", "模型"})
    void acceptsModelNames(String name) {
        assertDoesNotThrow(() -> PathGuard.checkModelName(name));
    }

    @Test
    void readsLabelsOneToALine() throws IOException {
        Files.writeString(root.resolve("l.txt"), "cat\r\ndog\n\nbird");

        assertEquals(Map.of("O", List.of("cat", "dog", "", "bird")), ModelFiles.labels(withLabels("l.txt"), root));
    }

    @ParameterizedTest
    @ValueSource(strings = {"../l.txt", "/etc/passwd", "a/../../l.txt"})
    void refusesLabelFilesOutside(String file) {
        var failure = assertThrows(InferenceException.class, () -> ModelFiles.labels(withLabels(file), root));
        assertEquals(StatusCode.UNSUPPORTED, failure.code());
        assertEquals("label file path '" + file + "' for output 'O' in model 'm' is outside model directory",
                failure.getMessage());
    }

    @Test
    void saysThatALabelFileIsMissing() {
        var failure = assertThrows(InferenceException.class, () -> ModelFiles.labels(withLabels("no.txt"), root));
        assertEquals(
                "Internal: failed to open text file for read " + root + "/no.txt: No such file or directory",
                failure.reason());
    }

    @Test
    void followsTheOwnersLinks() throws IOException {
        // given
        Path store = Files.createDirectories(root.resolve("store"));
        Path model = Files.createDirectories(root.resolve("m"));
        Path version = Files.createDirectories(model.resolve("1"));
        Files.writeString(store.resolve("0a1b"), "cat\ndog\n");
        Files.createSymbolicLink(version.resolve("model.onnx"), store.resolve("0a1b"));
        Files.createSymbolicLink(model.resolve("labels.txt"), Path.of("../store/0a1b"));
        Files.createSymbolicLink(model.resolve("warmup"), store);

        // when, then
        assertEquals(version.resolve("model.onnx"), ModelFiles.modelFile(version, "model.onnx"));
        assertEquals(Map.of("O", List.of("cat", "dog")), ModelFiles.labels(withLabels("labels.txt"), model));
        assertEquals(model.resolve("warmup/0a1b"), ModelFiles.warmupFile(model, "0a1b"));
    }

    @Test
    void saysWhyALinkCanNotBeFollowed() throws IOException {
        // given
        Files.createSymbolicLink(root.resolve("model.pt"), root.resolve("not-there"));

        // when, then
        var failure = assertThrows(InferenceException.class, () -> ModelFiles.modelFile(root, "model.pt"));
        assertEquals("model file 'model.pt' is a link that can't be followed: No such file or directory",
                failure.getMessage());
    }

    @Test
    void keepsTheRuntimeInItsDirectory() {
        assertEquals(root.resolve("model.py"), ModelFiles.runtimeFile(root, "model.py", "m"));
        var failure = assertThrows(InferenceException.class, () -> ModelFiles.runtimeFile(root, "../x.so", "m"));
        assertEquals("backend library name '../x.so' escapes backend directory '" + root
                + "', for model 'm', check model config runtime field", failure.getMessage());
    }

    @Test
    void keepsDataFilesInTheirDirectories() {
        assertEquals(root.resolve("1/model.pt"), ModelFiles.modelFile(root.resolve("1"), "model.pt"));
        assertEquals(root.resolve("warmup/w"), ModelFiles.warmupFile(root, "w"));
        assertEquals(root.resolve("initial_state/s"), ModelFiles.initialStateFile(root, "s"));
        assertThrows(InferenceException.class, () -> ModelFiles.modelFile(root.resolve("1"), "../2/model.pt"));
        assertThrows(InferenceException.class, () -> ModelFiles.warmupFile(root, "../config.pbtxt"));
        assertThrows(InferenceException.class, () -> ModelFiles.initialStateFile(root, "/x"));
    }

    private static ModelConfig withLabels(String file) {
        ModelConfig.Builder config = ModelConfig.newBuilder().setName("m");
        config.addOutputBuilder().setName("O").setLabelFilename(file);
        return config.build();
    }
}

package dev.nereid.tools.scaffold;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NewBackendCommandTest {
    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int run(String... arguments) {
        return NewBackendCommand.run(arguments, Path.of("/opt/a b & c"),
                new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private String problem() {
        return err.toString(StandardCharsets.UTF_8).lines().findFirst().orElse("");
    }

    @Test
    void writesAProject() throws IOException {
        assertEquals(0, run("text-splitter", "--directory=" + directory, "--group-id=org.acme"), problem());

        Path project = directory.resolve("text-splitter");
        String source = Files.readString(
                project.resolve("src/main/java/org/acme/textsplitter/TextSplitterBackendFactory.java"));
        assertTrue(source.startsWith("package org.acme.textsplitter;\n"), source);
        assertTrue(source.contains("return \"text-splitter\";"), source);
        assertTrue(Files.exists(project.resolve("src/test/java/org/acme/textsplitter/TextSplitterContractTest.java")));
        assertTrue(Files.readString(project.resolve("models/text_splitter_sample/config.pbtxt"))
                .startsWith("backend: \"text-splitter\"\n"));
        assertTrue(Files.isDirectory(project.resolve("models/text_splitter_sample/1")));
        assertEquals("target/\n", Files.readString(project.resolve(".gitignore")));
        assertTrue(out.toString(StandardCharsets.UTF_8).contains("(cd " + project + " && mvn package)"));
    }

    @Test
    void writesABackendThatAnswersAnyNumberOfTimes() throws IOException {
        assertEquals(0, run("--decoupled", "frames", "--directory=" + directory), problem());

        Path project = directory.resolve("frames");
        assertTrue(Files.readString(project.resolve("src/main/java/com/example/frames/FramesBackendFactory.java"))
                .contains("sendPartial()"));
        assertTrue(Files.readString(project.resolve("models/frames_sample/config.pbtxt"))
                .contains("model_transaction_policy { decoupled: true }"));
        String readme = Files.readString(project.resolve("README.md"));
        assertTrue(readme.contains("\ncurl -N localhost:8000/v2/models/frames_sample/generate_stream -d "), readme);
    }

    @Test
    void takesTheApiFromTheNereidThatRuns() throws IOException {
        assertEquals(0, run("mine", "--directory=" + directory), problem());

        String pom = Files.readString(directory.resolve("mine/pom.xml"));
        assertTrue(pom.contains("<nereid.repository>file:///opt/a%20b%20&amp;%20c/lib/maven</nereid.repository>"), pom);
    }

    @ParameterizedTest
    @EnumSource
    void fillsInEveryPlaceholder(BackendProject.Kind kind) {
        BackendProject project = BackendProject.of(new ProjectNames("x", "com.example", "com.example.x"), kind,
                URI.create("file:///api"));

        project.files().forEach((path, text) -> {
            assertFalse(text.contains("${project.version}</nereid"), path);
            assertFalse(text.matches("(?s).*@[A-Za-z0-9.]+@.*"), path);
        });
        assertFalse(project.files().getOrDefault("pom.xml", "null").contains("null"));
    }

    @Test
    void takesAnotherPackage() {
        assertEquals(0, run("switch", "--package=org.acme.routing", "--directory=" + directory), problem());

        assertTrue(Files.exists(directory.resolve("switch/src/main/java/org/acme/routing/SwitchBackendFactory.java")));
    }

    @Test
    void findsAPackageForNamesThatJavaReserves() {
        assertEquals("com.example.switchbackend", ProjectNames.defaultPackage("switch", "com.example"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "Scale", "my.backend", "a--b", "a-", "1st", "../up"})
    void refusesNames(String name) {
        assertEquals(2, run(name, "--directory=" + directory));

        assertTrue(problem().contains("name of"), problem());
        assertEquals(0, directory.toFile().list().length);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            pytorch | --group-id=a             | the name 'pytorch' is taken, choose another one
            mine    | --group-id=a b           | --group-id is 'a b', expected a Maven group such as 'com.example'
            mine    | --group-id=my-group      | 'my-group.mine' is no Java package; name one, such as --package=com.example.mine
            mine    | --package=dev.nereid.backend.api.mine | package 'dev.nereid.backend.api.mine' is the server's, choose another one
            mine    | --colour=red             | unknown argument '--colour=red'
            mine    | yours                    | unknown argument 'yours'
            """)
    void saysWhatIsWrong(String name, String flag, String problem) {
        assertEquals(2, run(name, flag, "--directory=" + directory));
        assertEquals("nereid: " + problem, problem());
    }

    @Test
    void writesOverNothing() throws IOException {
        Files.createDirectory(directory.resolve("mine"));

        assertEquals(2, run("mine", "--directory=" + directory));
        assertEquals("nereid: '" + directory.resolve("mine")
                + "' exists already; choose another name or --directory", problem());
    }

    @Test
    void showsItsUsage() {
        assertEquals(0, run("--help"));
        assertTrue(out.toString(StandardCharsets.UTF_8).startsWith("Usage: nereid new-backend <name>"));
    }
}

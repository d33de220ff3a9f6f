package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The program of docs/embedding.md compiles, runs without the server's libraries, and prints what the page says. */
class EmbeddingIT {
    private static final Path PAGE = Path.of("..", "docs", "embedding.md");
    private static final Pattern PROGRAM = Pattern.compile("```java\\n(.*?)```", Pattern.DOTALL);
    private static final int MAX_LINES = 30;
    /** What a program that embeds the engine does without. */
    private static final Pattern SERVER = Pattern
            .compile("nereid-(server|json)|helidon|grpc|netty|slf4j-jdk14|jul-to|opentelemetry");

    @TempDir
    private Path directory;

    private static String program() throws IOException {
        Matcher matcher = PROGRAM.matcher(Files.readString(PAGE));
        assertTrue(matcher.find());
        return matcher.group(1);
    }

    private static String classPath(Path own) throws IOException {
        List<String> jars = new ArrayList<>(List.of(own.toString()));
        for (String part : List.of("lib", "backends/pytorch")) {
            try (Stream<Path> files = Files.list(RunningServer.LAYOUT.resolve(part))) {
                files.filter(file -> file.toString().endsWith(".jar"))
                        .filter(file -> !SERVER.matcher(file.getFileName().toString()).find()
                                || part.startsWith("backends"))
                        .forEach(file -> jars.add(file.toAbsolutePath().toString()));
            }
        }
        return String.join(File.pathSeparator, jars);
    }

    private static String run(List<String> command) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put(RunningServer.CPU_ONLY, "1");
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(120, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), output);
        return output;
    }

    @Test
    void theProgramOfThePageServesATorchScriptModel() throws IOException, InterruptedException {
        String program = program();
        long lines = program.lines().filter(line -> !line.isBlank()).count();
        assertTrue(lines <= MAX_LINES + 1, lines + " lines");
        Path source = Files.writeString(directory.resolve("AddSub.java"), program);
        Path models = directory.resolve("models");
        run(List.of(RunningServer.LAYOUT.resolve("nereid").toString(), "samples", models.toString(),
                "--models=add_sub"));
        Path java = Path.of(System.getProperty("java.home"), "bin");
        String classPath = classPath(directory);
        assertFalse(classPath.contains("helidon"), "the engine comes without a front end");

        run(List.of(java.resolve("javac").toString(), "-proc:none", "-cp", classPath, "-d", directory.toString(),
                source.toString()));
        String output = run(List.of(java.resolve("java").toString(), "--enable-native-access=ALL-UNNAMED", "-cp",
                classPath, "AddSub", models.toString()));

        assertTrue(output.lines().anyMatch("2.0"::equals), output);
    }
}

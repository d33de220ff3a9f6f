package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Does what the tutorial for authors of backends says, command by command as it stands there: a new project, built with
 * Maven offline, served, and dropped into a server that is running already. Nothing is changed but the ports, and that
 * Maven works without a network, with a local repository of the test's own.
 */
class TutorialIT {
    private static final Path TUTORIAL = Path.of("..", "docs", "writing-a-backend.md");
    private static final Pattern BLOCK = Pattern.compile("```[a-z]*\n(.*?)```", Pattern.DOTALL);
    private static final String SERVE = "./nereid serve --model-repository=";

    @TempDir
    private Path directory;

    @Test
    void leadsToAnAnsweredRequest() throws Exception {
        prepare();
        String scaffold = block("./nereid new-backend scale");
        String drop = block("cp -r scale/target/plugin/scale");
        String infer = block("curl localhost:8000/v2/models/scale_sample/infer");
        String serve = scaffold.lines().filter(line -> line.startsWith(SERVE)).findFirst().orElseThrow();

        try (RunningServer running = RunningServer.start(directory.resolve("models"),
                "--model-control-mode=explicit", "--backend-directory=" + directory.resolve("backends"))) {
            String printed = run(scaffold.replace(serve, ""), running);
            assertTrue(printed.contains("Wrote scale:"), printed);
            assertPlugin(directory.resolve("scale/target/plugin/scale"));

            String[] flags = serve.substring(SERVE.length()).split(" ", -1);
            assertEquals("--backend-directory=scale/target/plugin", flags[1]);
            try (RunningServer own = RunningServer.start(directory.resolve(flags[0]),
                    "--backend-directory=" + directory.resolve("scale/target/plugin"))) {
                assertAnswer(run(infer, own), own);
            }

            run(drop, running);
            assertAnswer(run(infer, running), running);
        }
    }

    private static void assertAnswer(String answer, RunningServer server) {
        assertTrue(answer.contains("\"data\":[3.0,6.0]"), () -> answer + "\n" + server.log());
    }

    private void assertPlugin(Path plugin) throws IOException {
        try (Stream<Path> files = Files.list(plugin)) {
            assertEquals(List.of(plugin.resolve("scale.jar")), files.toList());
        }
        assertTrue(Files.exists(directory
                .resolve("scale/target/surefire-reports/TEST-com.example.scale.ScaleContractTest.xml")),
                "the contract test did not run");
        try (JarFile jar = new JarFile(plugin.resolve("scale.jar").toFile())) {
            Attributes manifest = jar.getManifest().getMainAttributes();
            assertEquals("scale", manifest.getValue("Plugin-Id"));
            assertEquals("1.0.0-SNAPSHOT", manifest.getValue("Plugin-Version"));
            assertEquals(">=1.1.0 & <2.0.0", manifest.getValue("Plugin-Requires"));
            assertNotNull(jar.getEntry("META-INF/extensions.idx"));
            assertFalse(jar.stream().anyMatch(entry -> entry.getName().startsWith("dev/nereid/")));
        }
    }

    private static String block(String beginning) throws IOException {
        return BLOCK.matcher(Files.readString(TUTORIAL)).results().map((MatchResult block) -> block.group(1))
                .filter(block -> block.startsWith(beginning)).findFirst()
                .orElseThrow(() -> new AssertionError("the tutorial has no commands that begin with " + beginning));
    }

    /** Runs commands in the directory of the test, against a server. */
    private String run(String commands, RunningServer server) throws IOException, InterruptedException {
        Path output = directory.resolve("output.txt");
        ProcessBuilder shell = new ProcessBuilder("bash", "-euo", "pipefail", "-c",
                commands.replace("localhost:8000", "127.0.0.1:" + server.httpPort()));
        shell.environment().put(RunningServer.CPU_ONLY, "1");
        shell.environment().merge("PATH", directory.resolve("bin").toString(), (path, bin) -> bin + ":" + path);
        Process process = shell.directory(directory.toFile()).redirectErrorStream(true)
                .redirectOutput(output.toFile()).start();
        boolean hasEnded = process.waitFor(5, TimeUnit.MINUTES);
        if (!hasEnded) {
            process.destroyForcibly().waitFor();
        }
        String printed = Files.readString(output, StandardCharsets.UTF_8);
        assertTrue(hasEnded && process.exitValue() == 0, () -> "failed: " + commands + "\n" + printed);
        return printed;
    }

    private void prepare() throws IOException {
        for (String name : List.of("bin", "models", "backends")) {
            Files.createDirectory(directory.resolve(name));
        }
        script(directory.resolve("nereid"), RunningServer.LAYOUT.resolve("nereid") + " \"$@\"");
        script(directory.resolve("bin/mvn"),
                maven() + " --offline -Daether.offline.protocols=file --batch-mode --quiet -Dmaven.repo.local="
                        + localRepository() + " \"$@\"");
    }

    private static void script(Path path, String command) throws IOException {
        Files.writeString(path, "#!/usr/bin/env bash\nexec " + command + "\n");
        assertTrue(path.toFile().setExecutable(true));
    }

    /** Returns Maven: what the build's own wrapper uses, which takes the one on the path first. */
    private static Path maven() throws IOException {
        Stream<Path> onPath = Pattern.compile(":").splitAsStream(System.getenv().getOrDefault("PATH", ""))
                .filter(entry -> !entry.isEmpty()).map(entry -> Path.of(entry, "mvn"));
        Path downloads = Path.of(System.getProperty("user.home"), ".m2", "wrapper", "dists");
        List<Path> downloaded = List.of();
        if (Files.isDirectory(downloads)) {
            try (Stream<Path> versions = Files.list(downloads)) {
                downloaded = versions.map(version -> version.resolve("bin").resolve("mvn")).toList();
            }
        }
        return Stream.concat(onPath, downloaded.stream()).filter(Files::isExecutable).findFirst()
                .orElseThrow(() -> new AssertionError("Maven was not found"));
    }

    /**
     * Makes a local repository that lacks the API, which Nereid brings along, and has everything else through links to
     * the user's own, which stays as it is.
     */
    private Path localRepository() throws IOException {
        Path users = Path.of(System.getProperty("nereid.localRepository", ""));
        Path made = directory.resolve("repository");
        link(users, made, "dev");
        link(users.resolve("dev"), made.resolve("dev"), "nereid");
        return made;
    }

    private static void link(Path from, Path to, String but) throws IOException {
        Files.createDirectories(to);
        if (!Files.isDirectory(from)) {
            return;
        }
        try (Stream<Path> entries = Files.list(from)) {
            entries.filter(entry -> !entry.getFileName().toString().equals(but)).forEach(entry -> {
                try {
                    Files.createSymbolicLink(to.resolve(entry.getFileName()), entry.toAbsolutePath());
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
        }
    }
}

package dev.nereid.tools.scaffold;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Builds a new project as its author would: with Maven, offline, from the local repository. */
class GeneratedProjectIT {
    private static final String VERSION = System.getProperty("nereid.version", "");
    private static final Path REPOSITORY = Path.of(System.getProperty("nereid.localRepository", ""));

    @TempDir
    private Path directory;

    @Test
    void mavenBuildsAPluginDirectory() throws Exception {
        Path maven = maven();
        requireInstalledApi();
        BackendProject.of(new ProjectNames("scale", "com.example", "com.example.scale")).write(directory);
        Path log = directory.resolve("build.log");

        Process build = new ProcessBuilder(maven.toString(), "-o", "-q", "-B", "-Dmaven.repo.local=" + REPOSITORY,
                "package").directory(directory.toFile()).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        boolean hasEnded = build.waitFor(5, TimeUnit.MINUTES);
        if (!hasEnded) {
            build.destroyForcibly().waitFor();
        }

        assertTrue(hasEnded && build.exitValue() == 0, () -> "the build failed:\n" + read(log));
        assertTrue(
                Files.exists(directory.resolve("target/surefire-reports/TEST-com.example.scale.ScaleContractTest.xml")),
                "the contract test did not run");
        Path plugin = directory.resolve("target/plugin/scale");
        try (Stream<Path> files = Files.list(plugin)) {
            assertEquals(List.of(plugin.resolve("scale.jar")), files.toList());
        }
        try (JarFile jar = new JarFile(plugin.resolve("scale.jar").toFile())) {
            Attributes manifest = jar.getManifest().getMainAttributes();
            assertEquals("scale", manifest.getValue("Plugin-Id"));
            assertEquals("1.0.0-SNAPSHOT", manifest.getValue("Plugin-Version"));
            assertEquals(">=1.0.0 & <2.0.0", manifest.getValue("Plugin-Requires"));
            assertNotNull(jar.getEntry("META-INF/extensions.idx"));
            assertFalse(jar.stream().anyMatch(entry -> entry.getName().startsWith("dev/nereid/")));
        }
    }

    private static Path maven() {
        String name = File.separatorChar == '\\' ? "mvn.cmd" : "mvn";
        Optional<Path> found = Pattern.compile(Pattern.quote(File.pathSeparator))
                .splitAsStream(System.getenv().getOrDefault("PATH", "")).filter(entry -> !entry.isEmpty())
                .map(entry -> Path.of(entry, name)).filter(Files::isExecutable).findFirst();
        assumeTrue(found.isPresent(), "Maven is not on the PATH");
        return found.orElseThrow();
    }

    /** The local repository must hold the API that is tested here, not one of an older build. */
    private static void requireInstalledApi() throws IOException {
        String name = "nereid-backend-api-" + VERSION;
        Path installed = REPOSITORY.resolve("dev/nereid/nereid-backend-api/" + VERSION);
        for (String file : List.of(name + ".jar", name + "-tests.jar")) {
            Path built = Path.of("..", "backend-api", "target", file);
            boolean isCurrent = Files.exists(installed.resolve(file)) && Files.exists(built)
                    && Files.mismatch(installed.resolve(file), built) < 0;
            assumeTrue(isCurrent, file + " is not in the local Maven repository as it was just built; "
                    + "'mvn -pl backend-api -am install' puts it there");
        }
        assumeTrue(Files.exists(REPOSITORY.resolve("dev/nereid/nereid-parent/" + VERSION)),
                "the parent of nereid-backend-api is not in the local Maven repository");
    }

    private static String read(Path log) {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            return "its output can't be read: " + e.getMessage();
        }
    }
}

package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The image, built and started without a container engine. Only where an archive was made and the programs are there. */
@Timeout(value = 15, unit = TimeUnit.MINUTES)
class ImageIT {
    private static final Path RELEASE = Path.of("target", "release").toAbsolutePath();
    private static final int MAX_MEBIBYTES = 350;

    @TempDir
    private Path directory;

    private static Optional<Path> archive() throws IOException {
        if (!Files.isDirectory(RELEASE)) {
            return Optional.empty();
        }
        try (Stream<Path> all = Files.list(RELEASE)) {
            return all.filter(file -> file.toString().endsWith(".tar.gz") && !file.toString().contains("linux"))
                    .findFirst();
        }
    }

    private static boolean isInstalled(String program) {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":", -1))
                .anyMatch(entry -> !entry.isEmpty() && Files.isExecutable(Path.of(entry, program)));
    }

    private Process run(Path log, String... command) throws IOException {
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    }

    @Test
    void servesUnderAnyUserWithARootThatCannotBeWritten() throws Exception {
        Optional<Path> archive = archive();
        assumeTrue(archive.isPresent(),
                "there is no archive; './mvnw -Pdist verify -Dit.test=ImageIT' makes one and builds the image");
        for (String program : List.of("buildah", "debootstrap", "unshare", "chroot", "curl")) {
            assumeTrue(isInstalled(program), program + " is not installed");
        }
        assumeTrue("root".equals(System.getProperty("user.name")), "only root can mount and change its root");
        Path models = directory.resolve("models");
        Path log = directory.resolve("log");
        assertEquals(0, run(log, RunningServer.LAYOUT.resolve("nereid").toString(), "samples", models.toString())
                .waitFor(), () -> read(log));
        Path work = Files.createDirectories(directory.resolve("work"));

        Process image = run(log, Path.of("src", "test", "dist", "image.sh").toAbsolutePath().toString(),
                archive.get().toString(), Path.of("..", "deploy", "Dockerfile").toAbsolutePath().toString(),
                models.toString(), work.toString(), System.getProperty("java.home"));

        assertEquals(0, image.waitFor(), () -> read(log));
        String output = read(log);
        Matcher added = Pattern.compile("added=(\\d+)").matcher(output);
        assertTrue(added.find(), output);
        assertTrue(Integer.parseInt(added.group(1)) < MAX_MEBIBYTES, output);
        assertTrue(output.contains("uid=54321\n"), output);
        assertTrue(output.contains("add_sub=ready"), output);
        assertTrue(output.contains("\"data\":[7"), output);
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            return e.toString();
        }
    }
}

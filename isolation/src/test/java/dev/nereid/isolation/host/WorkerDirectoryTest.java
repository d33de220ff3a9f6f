package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkerDirectoryTest {
    @TempDir
    private Path parent;

    /** Makes what a server leaves that is killed. */
    private Path left(String name, String permissions, String... files) throws IOException {
        Path path = Files.createDirectory(parent.resolve(name),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
        for (String file : files) {
            Files.writeString(path.resolve(file), "");
        }
        return path;
    }

    private static List<String> content(Path path) throws IOException {
        try (Stream<Path> files = Files.list(path)) {
            return files.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void nothingIsLeftOfAServerThatStops() throws IOException {
        WorkerDirectory directory = WorkerDirectory.create(parent);
        assertEquals(PosixFilePermissions.fromString("rwx------"), Files.getPosixFilePermissions(directory.path()));
        Files.writeString(directory.path().resolve("socket"), "");
        directory.close();
        assertEquals(List.of(), content(parent));
    }

    @Test
    void crashReportsOutliveTheirServerByAWeek() throws IOException {
        WorkerDirectory directory = WorkerDirectory.create(parent);
        Path first = directory.nextReport();
        Path second = directory.nextReport();
        Files.writeString(first, "#");
        Files.writeString(second, "#");
        Files.writeString(directory.path().resolve("socket"), "");
        directory.close();
        assertEquals(List.of("crash-1.log", "crash-2.log", "owner"), content(directory.path()));

        FileTime old = FileTime.from(Instant.now().minus(WorkerDirectory.KEPT).minus(Duration.ofHours(1)));
        Files.setLastModifiedTime(first, old);
        WorkerDirectory.create(parent).close();
        assertEquals(List.of("crash-2.log", "owner"), content(directory.path()));

        Files.setLastModifiedTime(second, old);
        WorkerDirectory.create(parent).close();
        assertEquals(List.of(), content(parent));
    }

    @Test
    void theLastCrashReportsAreKept() throws IOException {
        try (WorkerDirectory directory = WorkerDirectory.create(parent)) {
            for (int i = 1; i <= 22; i++) {
                Files.writeString(directory.nextReport(), "#");
            }
            List<String> kept = content(directory.path());
            assertEquals(21, kept.size(), kept::toString);
            assertFalse(kept.contains("crash-1.log") || kept.contains("crash-2.log"), kept::toString);
        }
    }

    @Test
    void whatAKilledServerHasLeftIsRemoved() throws IOException {
        Path left = left("nereid-workers-1", "rwx------", "owner", "socket", "region-5");
        WorkerDirectory.create(parent).close();
        assertFalse(Files.exists(left));
    }

    @Test
    void aServerThatRunsKeepsItsOwn() throws IOException {
        WorkerDirectory first = WorkerDirectory.create(parent);
        Files.writeString(first.path().resolve("socket"), "");
        WorkerDirectory.create(parent).close();
        assertEquals(List.of("owner", "socket"), content(first.path()));
        first.close();
    }

    @Test
    void aServerInAnotherProcessKeepsItsOwnUntilItIsKilled() throws Exception {
        Process server = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), Server.class.getName(),
                parent.toString()).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        try (BufferedReader lines = server.inputReader(StandardCharsets.UTF_8)) {
            Path other = Path.of(lines.readLine());
            WorkerDirectory.create(parent).close();
            assertEquals(List.of("owner"), content(other));

            assertTrue(server.destroyForcibly().waitFor(30, TimeUnit.SECONDS));

            WorkerDirectory.create(parent).close();
            assertEquals(List.of(), content(parent));
        } finally {
            server.destroyForcibly();
        }
    }

    /** Has a directory until it is killed. */
    static final class Server {
        private Server() {
        }

        public static void main(String[] arguments) throws IOException {
            try (WorkerDirectory directory = WorkerDirectory.create(Path.of(arguments[0]))) {
                System.out.println(directory.path());
                System.out.flush();
                int ignored = System.in.read();
            }
        }
    }

    @Test
    void onlyDirectoriesOfItsKindAreTouched() throws IOException {
        Path open = left("nereid-workers-1", "rwxr-xr-x", "owner", "socket");
        Path other = left("other-1", "rwx------", "owner", "socket");
        Path unlockable = left("nereid-workers-2", "rwx------", "socket");
        Path target = left("target", "rwx------", "owner", "socket");
        Path link = Files.createSymbolicLink(parent.resolve("nereid-workers-3"), target);
        Path linkedOwner = left("nereid-workers-4", "rwx------", "socket");
        Files.createSymbolicLink(linkedOwner.resolve("owner"), target.resolve("owner"));

        WorkerDirectory.create(parent).close();

        for (Path each : List.of(open, other, target)) {
            assertEquals(List.of("owner", "socket"), content(each), each::toString);
        }
        assertEquals(List.of("socket"), content(unlockable));
        assertEquals(List.of("owner", "socket"), content(linkedOwner));
        assertTrue(Files.isSymbolicLink(link));
    }

    @Test
    void aLinkInADirectoryIsRemovedAndWhatItNamesIsNot() throws IOException {
        Path target = left("target", "rwx------", "precious");
        Path left = left("nereid-workers-1", "rwx------", "owner");
        Files.createSymbolicLink(left.resolve("link"), target);
        WorkerDirectory.create(parent).close();
        assertFalse(Files.exists(left));
        assertEquals(List.of("precious"), content(target));
    }
}

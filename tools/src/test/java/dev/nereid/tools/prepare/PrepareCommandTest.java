package dev.nereid.tools.prepare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What {@code nereid prepare} tells, with programs in place of launcher and server. The real ones have a test of the whole. */
@Timeout(60)
class PrepareCommandTest {
    @TempDir
    private Path home;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void aLauncherThatMakesNoSamples() throws IOException {
        program("nereid", "exit 1");
    }

    private Path program(String name, String body) throws IOException {
        Path program = Files.writeString(home.resolve(name), "#!/bin/sh\n" + body + "\n");
        assertTrue(program.toFile().setExecutable(true));
        return program;
    }

    private int run(List<String> server, String... arguments) {
        List<String> all = new ArrayList<>(List.of(home.resolve("start.aot").toString()));
        all.addAll(server);
        all.add("--");
        all.addAll(List.of(arguments));
        return PrepareCommand.run(all, new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    private String errors() {
        return err.toString(StandardCharsets.UTF_8);
    }

    private List<String> files() throws IOException {
        try (Stream<Path> all = Files.list(home)) {
            return all.map(each -> each.getFileName().toString()).sorted().toList();
        }
    }

    @Test
    void showsWhatAServerThatDoesNotStartHasLogged() throws IOException {
        Path server = program("server", "echo 'AOTCache creation is complete'; echo 'error: no such thing'; exit 3");

        int status = run(List.of(server.toString()));

        assertEquals(1, status);
        assertTrue(errors().contains("error: no such thing\n"), errors());
        assertTrue(errors().contains("the server ended with status 3 before it was ready"), errors());
        assertFalse(errors().contains("AOTCache creation"), errors());
        assertEquals("", out.toString(StandardCharsets.UTF_8));
    }

    @Test
    void leavesNothingBehindWhereItFails() throws IOException {
        Path server = program("server", "exit 3");

        run(List.of(server.toString()));

        assertEquals(List.of("nereid", "server"), files());
    }

    @Test
    void servesAModelOfTheIdentityBackendWhereTorchScriptCannotBeHad() throws IOException {
        Files.createDirectories(home.resolve("backends").resolve("identity"));
        Path server = program("server", """
                for each in "$@"; do
                  case "$each" in --model-repository=*) cat "${each#*=}/echo/config.pbtxt" ;; esac
                done
                exit 3""");

        run(List.of(server.toString()));

        assertTrue(errors().contains("backend: \"identity\""), errors());
    }

    @Test
    void asksTheJvmToKeepNoProfiles() throws IOException {
        Path server = program("server", "echo \"options: $*\"; exit 3");

        run(List.of(server.toString()));

        String options = errors().lines().filter(line -> line.startsWith("options: ")).findFirst().orElseThrow();
        assertTrue(options.contains("-XX:+IgnoreUnrecognizedVMOptions -XX:+UnlockDiagnosticVMOptions"
                + " -XX:-AOTRecordTraining -XX:AOTCacheOutput="), options);
    }

    @Test
    void thisJvmCanBeAskedToKeepNoProfiles() throws Exception {
        Process java = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:+UnlockDiagnosticVMOptions", "-XX:-AOTRecordTraining", "-version").redirectErrorStream(true)
                .start();
        String answer = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertEquals(0, java.waitFor(), answer);
    }

    @Test
    void servesNoModelWithoutABackend() throws IOException {
        Path server = program("server", """
                for each in "$@"; do
                  case "$each" in --model-repository=*) echo "models: $(ls "${each#*=}")." ;; esac
                done
                exit 3""");

        run(List.of(server.toString()));

        assertTrue(errors().contains("models: .\n"), errors());
    }

    @Test
    void tellsWhatWasNotAnswered() throws IOException {
        Path server = program("server", """
                for each in "$@"; do
                  case "$each" in --ready-file=*) printf 'http=1\\nmetrics=1\\n' > "${each#*=}.part"
                    mv "${each#*=}.part" "${each#*=}" ;; esac
                done
                exec sleep 50""");

        int status = run(List.of(server.toString()));

        assertEquals(1, status);
        assertTrue(errors().contains("/v2/health/ready was not answered"), errors());
    }

    @Test
    void unpacksBeforeTheTrialRunWhatThatIsToUse() throws IOException {
        Path backend = Files.createDirectories(home.resolve("backends").resolve("pytorch"));
        Path jar = backend.resolve("natives.jar");
        try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(jar))) {
            out.putNextEntry(new ZipEntry("org/bytedeco/pytorch/linux-x86_64/libtorch.so"));
        }
        Path server = program("server", "test -d '" + jar + "' && echo unpacked; exit 3");

        run(List.of(server.toString()), "--unpack");
        run(List.of(server.toString()), "--unpack");

        assertEquals("unpacked " + jar + "\nnothing to unpack in " + backend + "\n",
                out.toString(StandardCharsets.UTF_8));
        assertTrue(errors().startsWith("unpacked\n"), errors());
    }

    @Test
    void withoutTheBackendNothingCanBeUnpacked() throws IOException {
        Path server = program("server", "echo started");

        assertEquals(1, run(List.of(server.toString()), "--unpack"));

        assertTrue(errors().startsWith("nereid: the native libraries in " + home.resolve("backends/pytorch")
                + " can't be unpacked: java.nio.file.NoSuchFileException"), errors());
        assertFalse(errors().contains("started"), errors());
    }

    @Test
    void explainsItself() {
        assertEquals(0, run(List.of("java"), "--help"));

        assertTrue(out.toString(StandardCharsets.UTF_8).startsWith("Usage: nereid prepare [--unpack]\n"));
    }

    @Test
    void refusesArguments() throws IOException {
        assertEquals(2, run(List.of("java"), "--quick"));

        assertTrue(errors().contains("unknown argument '--quick'"), errors());
        assertEquals(List.of("nereid"), files());
    }
}

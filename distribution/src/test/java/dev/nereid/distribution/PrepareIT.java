package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code nereid prepare} learns, and when it is used. */
class PrepareIT {
    private static final String FROM_CACHE = " source: shared objects file";
    private static final List<String> LEARNT = List.of("dev.nereid.server.NereidServer",
            "io.helidon.webserver.http1.Http1Connection", "org.bytedeco.pytorch.Tensor");

    @TempDir
    Path directory;

    @Test
    void laterStartsUseWhatWasLearntUntilALibraryChanges() throws Exception {
        Path layout = copyOfLayout();
        Path models = directory.resolve("models");
        run(layout, "samples", models.toString(), "--models=mlp");

        run(layout, "prepare");

        try (RunningServer server = RunningServer.start(layout, Map.of(), models)) {
            server.process().toHandle().destroy();
            assertTrue(server.process().waitFor(60, TimeUnit.SECONDS));
            // What the JVM itself has to say begins with a time in brackets.
            assertTrue(server.wholeLog().lines().noneMatch(line -> line.startsWith("[")), server.wholeLog());
        }
        String prepared = loadedClasses(layout, models);
        for (String learnt : LEARNT) {
            assertTrue(prepared.contains("] " + learnt + FROM_CACHE), learnt);
        }
        Path library;
        try (Stream<Path> libraries = Files.list(layout.resolve("lib"))) {
            library = libraries.filter(each -> each.getFileName().toString().startsWith("nereid-server")).findFirst()
                    .orElseThrow();
        }
        Files.setLastModifiedTime(library, FileTime.from(Instant.now()));

        String changed = loadedClasses(layout, models);
        for (String learnt : LEARNT) {
            assertTrue(changed.contains("] " + learnt + " source: "), learnt);
            assertFalse(changed.contains("] " + learnt + FROM_CACHE), learnt);
        }
    }

    @Test
    void anInterruptedTrialRunEndsItsServerAndLeavesNoFiles() throws Exception {
        Path layout = copyOfLayout();
        List<Path> before = files(layout);
        Path temporary = Files.createDirectories(directory.resolve("tmp"));
        ProcessBuilder builder = builder(layout, "prepare");
        builder.environment().put("TMPDIR", temporary.toString());
        Process prepare = builder.start();
        try {
            ProcessHandle server = awaitServer(prepare);

            prepare.toHandle().destroy();
            assertTrue(prepare.waitFor(60, TimeUnit.SECONDS));
            server.onExit().get(60, TimeUnit.SECONDS);
        } finally {
            prepare.descendants().forEach(ProcessHandle::destroyForcibly);
            prepare.destroyForcibly();
        }
        try (Stream<Path> left = Files.list(temporary)) {
            assertEquals(List.of(), left.filter(each -> each.getFileName().toString().startsWith("tmp.")).toList());
        }
        assertEquals(before, files(layout));
    }

    private static List<Path> files(Path directory) throws IOException {
        try (Stream<Path> all = Files.list(directory)) {
            return all.sorted().toList();
        }
    }

    private static ProcessHandle awaitServer(Process prepare) {
        while (prepare.isAlive()) {
            Optional<ProcessHandle> server = prepare.descendants().filter(each -> each.info().arguments().stream()
                    .flatMap(Stream::of).anyMatch("dev.nereid.server.cli.Main"::equals)).findFirst();
            if (server.isPresent()) {
                return server.get();
            }
            Thread.onSpinWait();
        }
        throw new AssertionError("the trial run ended before its server started");
    }

    /** Starts a server, sends it a request, and returns which classes it loaded from where. */
    private String loadedClasses(Path layout, Path models) throws IOException, InterruptedException {
        Path classes = directory.resolve("classes.txt");
        try (RunningServer server = RunningServer.start(layout,
                Map.of("NEREID_JAVA_OPTIONS", "-Xlog:class+load:file=" + classes), models)) {
            assertEquals(200, server.get("/v2/models/mlp/ready").statusCode());
        }
        return Files.readString(classes);
    }

    /** Makes a layout of its own, so that the cache of the built one is neither used nor changed. */
    private Path copyOfLayout() throws IOException {
        Path layout = Files.createDirectories(directory.resolve("layout"));
        Files.copy(RunningServer.LAYOUT.resolve("nereid"), layout.resolve("nereid"));
        for (String shared : List.of("backends", "tools")) {
            Files.createSymbolicLink(layout.resolve(shared), RunningServer.LAYOUT.resolve(shared));
        }
        Path libraries = Files.createDirectories(layout.resolve("lib"));
        try (Stream<Path> all = Files.list(RunningServer.LAYOUT.resolve("lib"))) {
            for (Path library : all.toList()) {
                Files.copy(library, libraries.resolve(library.getFileName()));
            }
        }
        return layout;
    }

    private static ProcessBuilder builder(Path layout, String... arguments) {
        List<String> command = new ArrayList<>(List.of(layout.resolve("nereid").toString()));
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
        builder.environment().put(RunningServer.CPU_ONLY, "1");
        return builder;
    }

    private static void run(Path layout, String... arguments) throws IOException, InterruptedException {
        Process process = builder(layout, arguments).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS));
        assertEquals(0, process.exitValue(), output);
    }
}

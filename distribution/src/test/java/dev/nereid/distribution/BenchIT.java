package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The benchmark in one command, as short as it can be. */
class BenchIT {
    @TempDir
    Path directory;

    private Process bench(String... arguments) throws Exception {
        ProcessBuilder builder = new ProcessBuilder(Stream.concat(
                Stream.of(RunningServer.LAYOUT.resolve("nereid").toString(), "bench"), Stream.of(arguments)).toList());
        // What is left behind is then seen.
        builder.environment().put("NEREID_JAVA_OPTIONS", "-Djava.io.tmpdir=" + Files.createDirectory(temporary()));
        return builder.redirectErrorStream(true).start();
    }

    private Path temporary() {
        return directory.resolve("temporary");
    }

    private Path report(String name) {
        return directory.resolve("out").resolve(name);
    }

    @Test
    void measuresACaseAndWritesReports() throws Exception {
        Process process = bench("--quick", "--cases=identity-binary", "--connections=2", "--rounds=2", "--seconds=0.2",
                "--warm-up=0", "--output=" + directory.resolve("out"));
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(0, process.waitFor(), output);
        assertTrue(output.contains("identity-binary        2"), output);
        List<String> lines = Files.readAllLines(report("bench.csv"));
        assertEquals(2, lines.size(), output);
        List<String> names = List.of(lines.getFirst().split(",", -1));
        List<String> values = List.of(lines.getLast().split(",", -1));
        assertEquals("identity-binary", values.getFirst());
        for (String name : List.of("requests_per_second", "handler_requests_per_second", "throughput_ratio", "p99_us",
                "handler_p50_us", "resident_mib")) {
            assertTrue(Double.parseDouble(values.get(names.indexOf(name))) > 0, name);
        }
        assertEquals("0", values.get(names.indexOf("failures")));
        assertTrue(Files.readString(report("bench.html")).contains("FP32[16], binary"));
        assertLeavesNothing();
    }

    @Test
    void measuresGrpcBesideABareServerOfIt() throws Exception {
        Process process = bench("--quick", "--cases=identity-grpc", "--connections=2", "--rounds=2", "--seconds=0.2",
                "--warm-up=0", "--output=" + directory.resolve("out"));
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(0, process.waitFor(), output);
        List<String> lines = Files.readAllLines(report("bench.csv"));
        List<String> names = List.of(lines.getFirst().split(",", -1));
        List<String> values = List.of(lines.getLast().split(",", -1));
        assertEquals("identity-grpc", values.getFirst());
        for (String name : List.of("requests_per_second", "handler_requests_per_second")) {
            assertTrue(Double.parseDouble(values.get(names.indexOf(name))) > 0, name);
        }
        assertEquals("0", values.get(names.indexOf("failures")));
        assertLeavesNothing();
    }

    @Test
    void saysWhyTheServerDoesNotStart() throws Exception {
        Process process = bench("--quick", "--cases=identity-binary", "--java-options=-XX:+NoSuchOption",
                "--output=" + directory.resolve("out"));
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertEquals(1, process.waitFor(), output);
        assertTrue(output.contains("error: the server ended early") && output.contains("NoSuchOption"), output);
        assertLeavesNothing();
    }

    @Test
    void leavesNoProcessBehindWhenItIsInterrupted() throws Exception {
        Process process = bench("--cases=identity-binary", "--connections=1", "--rounds=999", "--seconds=0.1",
                "--warm-up=0", "--output=" + directory.resolve("out"));
        try (var out = process.inputReader(StandardCharsets.UTF_8)) {
            // The table begins when the server and the handler are there.
            String line = out.readLine();
            while (line != null && !line.startsWith("case ")) {
                line = out.readLine();
            }
            assertNotNull(line);
            List<ProcessHandle> children = process.descendants().toList();
            assertTrue(children.size() >= 3, children::toString);

            assertTrue(process.toHandle().destroy());
            String rest = String.join("\n", out.lines().toList());

            process.waitFor();
            assertTrue(rest.contains("interrupted"), rest);
            for (ProcessHandle child : children) {
                assertFalse(child.isAlive(), () -> child.info().toString());
            }
        }
        assertLeavesNothing();
    }

    private void assertLeavesNothing() throws Exception {
        try (Stream<Path> left = Files.list(temporary())) {
            assertEquals(List.of(),
                    left.filter(each -> each.getFileName().toString().startsWith("nereid-bench")).toList());
        }
    }
}

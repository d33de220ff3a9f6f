package dev.nereid.tools.check;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.crash.CrashBackendFactory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.jar.JarOutputStream;
import java.util.zip.ZipEntry;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code nereid check --load}, with models one of which ends the process that loads it. */
final class LoadCheckTest {
    @TempDir
    private Path directory;

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private int run(String... arguments) {
        PrintStream printed = new PrintStream(out, true, StandardCharsets.UTF_8);
        return CheckCommand.run(List.of(arguments), Optional.empty(), printed, printed);
    }

    private Path backends() throws IOException {
        Path backends = Files.createDirectories(directory.resolve("backends"));
        try (OutputStream file = Files.newOutputStream(backends.resolve("crash.jar"));
                JarOutputStream jar = new JarOutputStream(file)) {
            jar.putNextEntry(new ZipEntry("META-INF/extensions.idx"));
            jar.write((CrashBackendFactory.class.getName() + "\n").getBytes(StandardCharsets.UTF_8));
            for (String name : List.of("Crash", "Crash$1", "Crash$2", "Crash$3", "Crash$4", "Crash$5",
                    "CrashBackendFactory", "CrashModel", "CrashModel$Instance")) {
                jar.putNextEntry(new ZipEntry("dev/nereid/backend/crash/" + name + ".class"));
                try (InputStream type = CrashBackendFactory.class.getResourceAsStream(name + ".class")) {
                    boolean ignored = Objects.requireNonNull(type).transferTo(jar) > 0;
                }
            }
        }
        return backends;
    }

    private void model(String name, String when) throws IOException {
        Path version = Files.createDirectories(directory.resolve("models").resolve(name).resolve("1"));
        Files.writeString(version.resolveSibling("config.pbtxt"), """
                backend: "crash"
                input [ { name: "IN" data_type: TYPE_FP32 dims: [ 4 ] } ]
                output [ { name: "OUT" data_type: TYPE_FP32 dims: [ 4 ] } ]
                instance_group [ { kind: KIND_CPU } ]
                parameters { key: "when" value { string_value: "%s" } }
                """.formatted(when));
        Files.writeString(version.resolveSibling("armed"), "");
    }

    @Test
    void aModelThatEndsTheProcessThatLoadsItIsAnError() throws IOException {
        model("bad", "load");
        model("good", "never");

        assertEquals(1, run(directory.resolve("models").toString(), "--load", "--backend-directory=" + backends()));

        List<String> lines = out.toString(StandardCharsets.UTF_8).lines().toList();
        assertEquals("2 models, 1 error, 0 warnings", lines.getLast());
        assertTrue(lines.getFirst().startsWith("bad: error: ")
                && lines.getFirst().contains("its process ended with SIGABRT"), lines::toString);
    }

    @Test
    void needsBackends() {
        assertEquals(2, run(directory.toString(), "--load"));
        assertTrue(out.toString(StandardCharsets.UTF_8).contains("--load needs backends"), out::toString);
    }
}

package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TestedBindingsTest {
    @TempDir
    Path directory;

    /** Whoever starts a server can do nothing about them. */
    @Test
    void startsWithoutAWordAboutVersions() throws IOException, InterruptedException {
        LibtorchProbe.run(directory, "cpu-cores=1");

        String log = Files.readString(directory.resolve("log"));
        assertFalse(log.contains("do not match"), log);
        assertTrue(log.contains("PyTorch: libtorch "), log);
    }

    @Test
    void leavesTheWarningToJavaCppWhereOtherVersionsAreThere() {
        Properties tested = new Properties();
        tested.setProperty("javacpp", "1.5.14");
        tested.setProperty("openblas", "0.3.31-1.5.13");

        assertTrue(TestedBindings.areThere(tested, "1.5.14", "0.3.31-1.5.13"));
        assertFalse(TestedBindings.areThere(tested, "1.5.14", "0.3.30-1.5.12"));
        assertFalse(TestedBindings.areThere(tested, "1.5.15", "0.3.31-1.5.13"));
        assertFalse(TestedBindings.areThere(tested, null, "0.3.31-1.5.13"));
        assertEquals(null, System.getProperty("org.bytedeco.javacpp.loadlibraries"));
    }
}

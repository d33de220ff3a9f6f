package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No process of a model outlives its server. */
class EndOfServerTest {
    @Test
    void processesEndWithAServerThatIsKilled(@TempDir Path directory) throws Exception {
        Process server = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1", "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow", "-cp", System.getProperty("java.class.path"),
                Server.class.getName(), directory.toString()).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        try (BufferedReader lines = server.inputReader(StandardCharsets.UTF_8)) {
            String line = lines.readLine();
            while (line != null && !line.startsWith("worker ")) {
                line = lines.readLine();
            }
            ProcessHandle worker = ProcessHandle.of(Long.parseLong(line.substring("worker ".length()))).orElseThrow();
            assertTrue(worker.isAlive());

            assertTrue(server.destroyForcibly().waitFor(30, TimeUnit.SECONDS));

            IsolationFixture.await("the worker has ended", () -> !worker.isAlive());
            assertFalse(worker.isAlive());
        } finally {
            server.destroyForcibly();
        }
    }

    /** Serves a model until it is killed. */
    static final class Server {
        private Server() {
        }

        public static void main(String[] arguments) throws IOException {
            try (IsolationFixture rig = new IsolationFixture(Path.of(arguments[0]))
                    .model("m", Map.of("ISOLATION", "process")).start()) {
                rig.load("m");
                System.out.println("worker " + rig.processOf("m").pid());
                System.out.flush();
                int ignored = System.in.read();
            }
        }
    }
}

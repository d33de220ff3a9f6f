package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What clients see of how a server was started. */
class StartTest {
    @TempDir
    private Path directory;

    @Test
    void aServerThatLacksARepositoryStaysUpButIsNeitherLiveNorReady() {
        try (TestServer server = TestServer.start(directory, "--exit-on-error=false",
                "--model-repository=" + directory.resolve("missing"))) {
            assertEquals(400, server.get("/v2/health/live").status());
            assertEquals("", server.get("/v2/health/live").body());
            assertEquals(400, server.get("/v2/health/ready").status());
            assertEquals(200, server.get("/v2").status());
            assertEquals(404, server.get("/v2/models/batched").status());
        }
    }
}

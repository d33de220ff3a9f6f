package dev.nereid.repository.location;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CloudCredentialsTest {
    private static final String FILE = """
            { "gs": { "": "/google.json", "gs://b/special": "/special.json" },
              "s3": { "": { "key_id": "all", "secret_key": "s" }, "s3://b": { "profile": "p" },
                      "s3://b/models": { "key_id": "longest" } } }
            """;

    @TempDir
    private Path directory;

    private Map<String, String> of(String json, String location) throws IOException {
        Path file = Files.writeString(directory.resolve("credentials.json"), json);
        return CloudCredentials.of(Map.of(CloudCredentials.VARIABLE, file.toString()), location);
    }

    @Test
    void theEntryWithTheLongestBeginningCounts() throws IOException {
        assertEquals(Map.of("key_id", "longest"), of(FILE, "s3://b/models/here"));
        assertEquals(Map.of("profile", "p"), of(FILE, "s3://b/other"));
        assertEquals(Map.of("key_id", "all", "secret_key", "s"), of(FILE, "s3://c/models"));
        assertEquals(Map.of("", "/special.json"), of(FILE, "gs://b/special"));
        assertEquals(Map.of("", "/google.json"), of(FILE, "gs://b"));
        assertEquals(Map.of(), of(FILE, "as://account/c"));
    }

    @Test
    void noFileIsFine() {
        assertEquals(Map.of(), CloudCredentials.of(Map.of(), "s3://b"));
    }

    @Test
    void aFileThatIsNoneIsToldAsSuch() {
        assertEquals("TRITON_CLOUD_CREDENTIAL_PATH names '/absent', which can't be read: No such file or directory",
                assertThrows(InferenceException.class,
                        () -> CloudCredentials.of(Map.of(CloudCredentials.VARIABLE, "/absent"), "s3://b"))
                        .getMessage());
        assertTrue(assertThrows(InferenceException.class, () -> of("{ \"s3\": 5 }", "s3://b")).getMessage()
                .startsWith("the file that TRITON_CLOUD_CREDENTIAL_PATH names: "));
    }
}

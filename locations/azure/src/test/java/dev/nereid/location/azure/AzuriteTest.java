package dev.nereid.location.azure;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.azure.core.util.BinaryData;
import com.azure.storage.blob.BlobContainerClient;
import com.azure.storage.blob.BlobServiceClientBuilder;
import com.azure.storage.common.StorageSharedKeyCredential;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Against Azurite, which imitates the whole service. Only where it is installed. */
@Timeout(60)
class AzuriteTest {
    private static final Path PLACE = Path.of(System.getProperty("user.home"), ".cache", "nereid-build-tools",
            "azurite");
    private static final Path PROGRAM = PLACE
            .resolve(Path.of("node_modules", "azurite", "dist", "src", "blob", "main.js"));
    private static final Pattern LISTENS = Pattern.compile("listens on (http://127\\.0\\.0\\.1:\\d+)");
    private static final String KEY = "a2V5";
    private static final int LARGE = 5 << 20;

    @TempDir
    private static Path directory;
    private static @Nullable Process azurite;
    private static String endpoint = "";
    private static BlobContainerClient container;

    @BeforeAll
    static void start() throws IOException {
        assumeTrue(isInstalled("node") && Files.exists(PROGRAM),
                () -> "Azurite is not installed; 'npm install --prefix " + PLACE + " azurite' does it");
        ProcessBuilder command = new ProcessBuilder("node", PROGRAM.toString(), "--blobHost", "127.0.0.1",
                "--blobPort", "0", "--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck")
                .directory(directory.toFile()).redirectErrorStream(true);
        command.environment().put("AZURITE_ACCOUNTS", "account:" + KEY);
        Process started = command.start();
        azurite = started;
        BufferedReader output = new BufferedReader(
                new InputStreamReader(started.getInputStream(), StandardCharsets.UTF_8));
        StringBuilder said = new StringBuilder();
        while (endpoint.isEmpty()) {
            String line = output.readLine();
            if (line == null) {
                throw new IOException("Azurite ended: " + said);
            }
            said.append(line).append('\n');
            Matcher listens = LISTENS.matcher(line);
            if (listens.find()) {
                endpoint = listens.group(1) + "/account";
            }
        }
        Thread.ofVirtual().start(() -> output.lines().forEach(line -> {
        }));
        container = new BlobServiceClientBuilder().endpoint(endpoint)
                .credential(new StorageSharedKeyCredential("account", KEY)).buildClient()
                .createBlobContainer("models");
    }

    @AfterAll
    static void stop() throws InterruptedException {
        Process started = azurite;
        if (started != null) {
            started.destroyForcibly().waitFor();
        }
    }

    private static boolean isInstalled(String program) {
        return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(":", -1))
                .anyMatch(entry -> !entry.isEmpty() && Files.isExecutable(Path.of(entry, program)));
    }

    private static void put(String name, byte[] content) {
        container.getBlobClient(name).upload(BinaryData.fromBytes(content), true);
    }

    private static AzureStore open(String location, String key) {
        Map<String, String> environment = Map.of("AZURE_STORAGE_ENDPOINT", endpoint, "AZURE_STORAGE_KEY", key);
        AzurePlace place = AzurePlace.parse(location, environment);
        return AzureStore.open(place, AzureAccess.of(place, Map.of(), environment), Duration.ofSeconds(20));
    }

    private static Map<String, StoredObject> list(AzureStore store, String model) {
        Map<String, StoredObject> found = new TreeMap<>();
        store.list(model, object -> {
            StoredObject ignored = found.put(object.key(), object);
            return true;
        });
        return found;
    }

    private static StoredObject find(AzureStore store, String model, String key) {
        return Objects.requireNonNull(list(store, model).get(key), key);
    }

    private static byte[] read(AzureStore store, String model, StoredObject object, long from, long length) {
        try (InputStream in = store.read(model, object, from, length)) {
            return in.readAllBytes();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void listsAndReadsWhatIsThere() {
        byte[] weights = new byte[LARGE];
        new SplittableRandom(1).nextBytes(weights);
        put("here/m/config.pbtxt", "c".getBytes(StandardCharsets.UTF_8));
        put("here/m/1/weights", weights);
        put("here/n/a name with spaces, + and %41/ä", new byte[1]);
        put("elsewhere/o/config.pbtxt", new byte[1]);
        AzureStore store = open("as://account/models/here", KEY);

        assertEquals(Set.of("m", "n"), store.directories());
        assertEquals(List.of("1/weights", "config.pbtxt"), List.copyOf(list(store, "m").keySet()));
        StoredObject large = find(store, "m", "1/weights");
        assertEquals(LARGE, large.size());
        List<byte[]> parts = new ArrayList<>();
        for (long from = 0; from < LARGE; from += 2 << 20) {
            parts.add(read(store, "m", large, from, Math.min(2 << 20, LARGE - from)));
        }
        int at = 0;
        for (byte[] part : parts) {
            assertEquals(-1, Arrays.mismatch(part, Arrays.copyOfRange(weights, at, at + part.length)));
            at += part.length;
        }
        assertEquals(LARGE, at);
        assertEquals(1, read(store, "n", find(store, "n", "a name with spaces, + and %41/ä"), 0, 1).length);
        assertEquals(large.etag(), find(store, "m", "1/weights").etag());
    }

    @Test
    void noticesThatABlobChanged() {
        put("changing/m/x", "before".getBytes(StandardCharsets.UTF_8));
        AzureStore store = open("as://account/models/changing", KEY);
        StoredObject listed = find(store, "m", "x");
        put("changing/m/x", "after.".getBytes(StandardCharsets.UTF_8));

        assertEquals(Kind.CHANGED,
                assertThrows(StorageException.class, () -> read(store, "m", listed, 0, 6)).kind());
    }

    @Test
    void tellsAWrongKeyAndAMissingContainer() {
        StorageException wrong = assertThrows(StorageException.class,
                () -> open("as://account/models", "b3RoZXI=").directories());
        assertEquals(Kind.DENIED, wrong.kind(), wrong::getMessage);
        StorageException missing = assertThrows(StorageException.class,
                () -> open("as://account/absent", KEY).directories());
        assertEquals(Kind.NOT_FOUND, missing.kind(), missing::getMessage);
        assertTrue(missing.getMessage().contains("ContainerNotFound"), missing::getMessage);
    }
}

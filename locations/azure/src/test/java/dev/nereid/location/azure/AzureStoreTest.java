package dev.nereid.location.azure;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.backend.api.testkit.FakeHttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a server with the two requests of the blob service that are used. */
@Timeout(120)
class AzureStoreTest {
    private static final String KEY = "a2V5";

    private final FakeHttpServer server;
    /** Blobs of the container {@code c} by name. */
    private final Map<String, String> blobs = new TreeMap<>();
    private final List<String> authorizations = new ArrayList<>();
    private final CountDownLatch end = new CountDownLatch(1);

    AzureStoreTest() throws IOException {
        server = FakeHttpServer.start();
        server.answer(this::answer);
    }

    @AfterEach
    void close() {
        end.countDown();
        server.close();
    }

    private AzureStore open(String location, Duration limit) {
        Map<String, String> environment = Map.of("AZURE_STORAGE_ENDPOINT", server.endpoint() + "/account",
                "AZURE_STORAGE_KEY", KEY);
        AzurePlace place = AzurePlace.parse(location, environment);
        return AzureStore.open(place, AzureAccess.of(place, Map.of(), environment), limit);
    }

    private AzureStore open() {
        return open("as://account/c/models", Duration.ofSeconds(20));
    }

    /** Answers as the blob service does, with two blobs or prefixes a page. */
    private void answer(HttpExchange exchange) throws IOException {
        authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
        String path = exchange.getRequestURI().getPath();
        if (path.equals("/account/c")) {
            FakeHttpServer.send(exchange, 200, page(exchange), Map.of("Content-Type", "application/xml"));
        } else if (path.startsWith("/account/c/")) {
            read(exchange, path.substring("/account/c/".length()));
        } else {
            fail(exchange, 404, "ContainerNotFound", "The specified container does not exist.");
        }
    }

    private static void fail(HttpExchange exchange, int status, String code, String text) throws IOException {
        FakeHttpServer.send(exchange, status, "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>" + code
                + "</Code><Message>" + text + "</Message></Error>",
                Map.of("x-ms-error-code", code, "Content-Type", "application/xml"));
    }

    private String page(HttpExchange exchange) {
        Map<String, String> query = new TreeMap<>();
        for (String pair : exchange.getRequestURI().getQuery().split("&", -1)) {
            query.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        String prefix = query.getOrDefault("prefix", "");
        boolean isFlat = !query.containsKey("delimiter");
        Set<String> entries = new TreeSet<>();
        blobs.forEach((name, content) -> {
            if (!name.startsWith(prefix)) {
                return;
            }
            int slash = name.indexOf('/', prefix.length());
            if (isFlat) {
                entries.add("<Blob><Name>" + name + "</Name><Properties><Content-Length>" + content.length()
                        + "</Content-Length><Etag>" + etag(name) + "</Etag></Properties></Blob>");
            } else if (slash > 0) {
                entries.add("<BlobPrefix><Name>" + name.substring(0, slash + 1) + "</Name></BlobPrefix>");
            }
        });
        int from = Integer.parseInt(query.getOrDefault("marker", "0"));
        List<String> shown = entries.stream().skip(from).limit(2).toList();
        return "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults><Blobs>" + String.join("", shown)
                + "</Blobs><NextMarker>" + (from + 2 < entries.size() ? from + 2 : "") + "</NextMarker>"
                + "</EnumerationResults>";
    }

    private String etag(String name) {
        return "0x" + Integer.toHexString(blobs.getOrDefault(name, "").hashCode());
    }

    private void read(HttpExchange exchange, String name) throws IOException {
        String match = exchange.getRequestHeaders().getFirst("If-Match");
        if (match != null && !match.equals(etag(name))) {
            fail(exchange, 412, "ConditionNotMet", "The condition is not met.");
            return;
        }
        String content = blobs.getOrDefault(name, "");
        String header = exchange.getRequestHeaders().getFirst("x-ms-range");
        String[] range = header.substring("bytes=".length()).split("-", -1);
        int from = Integer.parseInt(range[0]);
        int to = Math.min(Integer.parseInt(range[1]) + 1, content.length());
        FakeHttpServer.send(exchange, 206, content.substring(from, to),
                Map.of("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + content.length(), "ETag", etag(name),
                        "x-ms-blob-type", "BlockBlob", "Last-Modified", "Mon, 30 Nov 2026 10:00:00 GMT"));
    }

    private static List<StoredObject> list(AzureStore store, String model) {
        List<StoredObject> found = new ArrayList<>();
        store.list(model, found::add);
        return found;
    }

    private static StorageException failure(Runnable call) {
        return assertThrows(StorageException.class, call::run);
    }

    @Test
    void listsAndReadsWhatIsInAContainer() throws IOException {
        for (String name : List.of("a", "m", "z")) {
            blobs.put("models/" + name + "/config.pbtxt", "c");
        }
        blobs.put("models/m/1/model.bin", "content");
        blobs.put("models/m/2/", "");
        AzureStore store = open();

        assertEquals(Set.of("a", "m", "z"), store.directories());
        assertEquals(List.of("1/model.bin", "2/", "config.pbtxt"),
                list(store, "m").stream().map(StoredObject::key).sorted().toList());
        try (InputStream in = store.read("m", list(store, "m").getFirst(), 2, 3)) {
            assertArrayEquals("nte".getBytes(StandardCharsets.UTF_8), in.readAllBytes());
        }
        assertEquals("container 'c' at " + server.endpoint()
                + "/account, credentials from AZURE_STORAGE_KEY in the environment", store.description());
        assertTrue(authorizations.stream().allMatch(each -> each.startsWith("SharedKey account:")),
                authorizations::toString);
    }

    @Test
    void theClientItselfLogsNothing() {
        List<String> lines = new ArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                lines.add(entry.getLoggerName() + ": " + entry.getMessage());
            }

            @Override
            public void flush() {
            }

            @Override
            public void close() {
            }
        };
        Logger root = Logger.getLogger("");
        root.addHandler(handler);
        try {
            blobs.put("models/m/x", "x");
            assertEquals(1, list(open(), "m").size());
            server.answer(exchange -> exchange.close());
            assertEquals(Kind.UNAVAILABLE, failure(() -> list(open(), "m")).kind());
        } finally {
            root.removeHandler(handler);
        }
        assertEquals(List.of(), lines.stream().filter(line -> line.contains("azure")).toList());
    }

    @Test
    void saysThatThereIsNoSuchContainer() {
        StorageException failure = failure(() -> open("as://account/absent", Duration.ofSeconds(20)).directories());

        assertEquals(Kind.NOT_FOUND, failure.kind());
        assertTrue(failure.getMessage().contains("(ContainerNotFound, HTTP status 404)"), failure::getMessage);
    }

    @Test
    void noticesThatABlobChanged() {
        blobs.put("models/m/x", "before");
        AzureStore store = open();
        StoredObject listed = list(store, "m").getFirst();
        blobs.put("models/m/x", "after.");
        StorageException failure = failure(() -> {
            try (InputStream in = store.read("m", listed, 0, 6)) {
                byte[] ignored = in.readAllBytes();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });

        assertEquals(Kind.CHANGED, failure.kind());
    }

    @ParameterizedTest
    @CsvSource({"403, AuthenticationFailed, DENIED", "503, ServerBusy, UNAVAILABLE",
        "400, InvalidHeaderValue, REFUSED"})
    void tellsWhatCanBeDoneAboutAFailure(int status, String code, Kind kind) {
        server.answer(exchange -> fail(exchange, status, code, "Why not."));
        StorageException failure = failure(() -> list(open(), "m"));

        assertEquals(kind, failure.kind());
        assertTrue(failure.getMessage().contains("(" + code + ", HTTP status " + status + ")"), failure::getMessage);
    }

    @Test
    void anEndpointThatNeverAnswersIsGivenUp() {
        server.answer(exchange -> {
            try {
                end.await();
            } catch (InterruptedException e) {
                // The server stops.
            }
            exchange.close();
        });

        assertEquals(Kind.UNAVAILABLE,
                failure(() -> list(open("as://account/c", Duration.ofMillis(300)), "m")).kind());
    }

    @Test
    void whoeverGetsTheBlobsMayRefuseThem() {
        blobs.put("models/m/x", "x");

        assertEquals("no", assertThrows(InferenceException.class, () -> open().list("m", blob -> {
            throw InferenceException.invalid("no");
        })).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"as://acc/cont,'',https://acc.blob.core.windows.net,acc,cont,''",
        "as://acc/cont//a/b/,'',https://acc.blob.core.windows.net,acc,cont,a/b/",
        "as://acc/cont/a,http://localhost:10000/acc/,http://localhost:10000/acc,acc,cont,a/"})
    void readsEveryFormOfALocation(String location, String given, String endpoint, String account, String container,
            String prefix) {
        assertEquals(new AzurePlace(endpoint, account, container, prefix),
                AzurePlace.parse(location, Map.of("AZURE_STORAGE_ENDPOINT", given)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"as://", "as://account", "as://account/", "as://acc ount/c"})
    void refusesALocationThatIsNone(String location) {
        assertTrue(assertThrows(InferenceException.class, () -> AzurePlace.parse(location, Map.of())).getMessage()
                .contains("expected"));
    }

    @Test
    void theFileOfCredentialsGoesBeforeTheEnvironment() {
        AzurePlace place = AzurePlace.parse("as://account/c", Map.of());
        AzureAccess access = AzureAccess.of(place, Map.of("account_str", "other", "account_key", KEY),
                Map.of("AZURE_STORAGE_KEY", KEY));

        assertEquals("other", access.key().orElseThrow().getAccountName());
        assertEquals("the file that TRITON_CLOUD_CREDENTIAL_PATH names", access.source());
        assertEquals("named", AzureAccess.of(place, Map.of(),
                Map.of("AZURE_STORAGE_KEY", KEY, "AZURE_STORAGE_ACCOUNT", "named")).key().orElseThrow()
                .getAccountName());
    }

    @Test
    void theKindOfCredentialsCounts() {
        AzurePlace place = AzurePlace.parse("as://account/c", Map.of());

        assertTrue(AzureAccess.of(place, Map.of(), Map.of()).key().isEmpty());
        assertTrue(AzureAccess.of(place, Map.of(), Map.of("AZURE_STORAGE_AUTH_TYPE", "managed_identity",
                "AZURE_STORAGE_CLIENT_ID", "id")).token().isPresent());
        assertTrue(AzureAccess.of(place, Map.of(), Map.of("AZURE_STORAGE_AUTH_TYPE", "default")).token().isPresent());
        assertEquals("AZURE_STORAGE_AUTH_TYPE is key, but AZURE_STORAGE_KEY is not set",
                assertThrows(InferenceException.class,
                        () -> AzureAccess.of(place, Map.of(), Map.of("AZURE_STORAGE_AUTH_TYPE", "key"))).getMessage());
        assertEquals("AZURE_STORAGE_AUTH_TYPE has value 'x', expected key, managed_identity or default",
                assertThrows(InferenceException.class,
                        () -> AzureAccess.of(place, Map.of(), Map.of("AZURE_STORAGE_AUTH_TYPE", "x"))).getMessage());
    }
}

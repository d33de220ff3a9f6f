package dev.nereid.location.gcs;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.auth.oauth2.AccessToken;
import com.google.auth.oauth2.GoogleCredentials;
import com.sun.net.httpserver.HttpExchange;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.backend.api.testkit.FakeHttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Against a server with the two requests of the JSON API that are used. */
@Timeout(60)
class GcsStoreTest {
    private static final GcsAccess STRANGER = new GcsAccess(Optional.empty(), "nowhere");

    private final FakeHttpServer server;
    /** Objects of the bucket {@code b} by name. */
    private final Map<String, String> objects = new TreeMap<>();
    private final List<String> authorizations = new ArrayList<>();
    private final CountDownLatch end = new CountDownLatch(1);

    GcsStoreTest() throws IOException {
        server = FakeHttpServer.start();
        server.answer(this::answer);
    }

    @AfterEach
    void close() {
        end.countDown();
        server.close();
    }

    private GcsStore open(String location, GcsAccess access) {
        return new GcsStore(GcsPlace.parse(location, Map.of("STORAGE_EMULATOR_HOST", server.endpoint())), access,
                Duration.ofSeconds(20));
    }

    private GcsStore open() {
        return open("gs://b/models", STRANGER);
    }

    /** Answers as the JSON API does, with two objects or prefixes a page. */
    private void answer(HttpExchange exchange) throws IOException {
        authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
        String path = exchange.getRequestURI().getPath();
        if (!path.startsWith("/storage/v1/b/b/o")) {
            FakeHttpServer.send(exchange, 404,
                    "{\"error\":{\"code\":404,\"message\":\"The specified bucket does not exist.\"}}",
                    Map.of());
        } else if (path.equals("/storage/v1/b/b/o")) {
            FakeHttpServer.send(exchange, 200, page(exchange), Map.of());
        } else {
            read(exchange, path.substring("/storage/v1/b/b/o/".length()));
        }
    }

    private String page(HttpExchange exchange) {
        Map<String, String> query = new TreeMap<>();
        for (String pair : exchange.getRequestURI().getQuery().split("&", -1)) {
            query.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
        }
        String prefix = query.getOrDefault("prefix", "");
        boolean isFlat = !query.containsKey("delimiter");
        Set<String> entries = new TreeSet<>();
        objects.forEach((name, content) -> {
            if (!name.startsWith(prefix)) {
                return;
            }
            int slash = name.indexOf('/', prefix.length());
            if (isFlat) {
                entries.add("{\"name\":\"" + name + "\",\"size\":\"" + content.length()
                        + "\",\"generation\":\"" + content.hashCode() + "\"}");
            } else if (slash > 0) {
                entries.add("\"" + name.substring(0, slash + 1) + "\"");
            }
        });
        int from = Integer.parseInt(query.getOrDefault("pageToken", "0"));
        List<String> shown = entries.stream().skip(from).limit(2).toList();
        return "{" + (from + 2 < entries.size() ? "\"nextPageToken\":\"" + (from + 2) + "\"," : "")
                + (isFlat ? "\"items\"" : "\"prefixes\"") + ":[" + String.join(",", shown) + "]}";
    }

    private void read(HttpExchange exchange, String name) throws IOException {
        String content = objects.getOrDefault(name, "");
        if (!exchange.getRequestURI().getQuery().contains("generation=" + content.hashCode())) {
            FakeHttpServer.send(exchange, 404, "{\"error\":{\"message\":\"No such object\"}}", Map.of());
            return;
        }
        String[] range = exchange.getRequestHeaders().getFirst("Range").substring("bytes=".length()).split("-", -1);
        int from = Integer.parseInt(range[0]);
        int to = Integer.parseInt(range[1]) + 1;
        FakeHttpServer.send(exchange, 206, content.substring(from, to),
                Map.of("Content-Range", "bytes " + from + "-" + (to - 1) + "/" + content.length()));
    }

    private static List<StoredObject> list(GcsStore store, String model) {
        List<StoredObject> found = new ArrayList<>();
        store.list(model, found::add);
        return found;
    }

    private static StorageException failure(Runnable call) {
        return assertThrows(StorageException.class, call::run);
    }

    private static InputStream read(GcsStore store, StoredObject object) {
        try {
            return store.read("m", object, 0, object.size());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void listsAndReadsWhatIsInABucket() throws IOException {
        for (String name : List.of("a", "m", "z")) {
            objects.put("models/" + name + "/config.pbtxt", "c");
        }
        objects.put("models/m/1/a b+ü%.bin", "content");
        objects.put("models/m/2/", "");
        GcsStore store = open();

        assertEquals(Set.of("a", "m", "z"), store.directories());
        assertEquals(List.of("1/a b+ü%.bin", "2/", "config.pbtxt"),
                list(store, "m").stream().map(StoredObject::key).sorted().toList());
        try (InputStream in = store.read("m", list(store, "m").getFirst(), 2, 3)) {
            assertArrayEquals("nte".getBytes(StandardCharsets.UTF_8), in.readAllBytes());
        }
        assertEquals("bucket 'b' at " + server.endpoint() + ", credentials from nowhere", store.description());
        assertTrue(authorizations.stream().allMatch("null"::equals));
    }

    @Test
    void showsItsToken() {
        open("gs://b", new GcsAccess(Optional.of(GoogleCredentials.create(
                new AccessToken("secret", Date.from(Instant.now().plusSeconds(3600))))), "a test")).directories();

        assertEquals(List.of("Bearer secret"), authorizations);
    }

    @Test
    void saysThatThereIsNoSuchBucket() {
        StorageException failure = failure(() -> open("gs://absent", STRANGER).directories());

        assertEquals(Kind.NOT_FOUND, failure.kind());
        assertEquals("The specified bucket does not exist. (HTTP status 404)", failure.getMessage());
    }

    @Test
    void noticesThatAnObjectChanged() {
        objects.put("models/m/x", "before");
        StoredObject listed = list(open(), "m").getFirst();
        objects.put("models/m/x", "after.");

        assertEquals(Kind.CHANGED, failure(() -> read(open(), listed)).kind());
    }

    @Test
    void noticesAnObjectOfAnotherSizeThanListed() {
        server.answer(exchange -> FakeHttpServer.send(exchange, 206, "abc", Map.of("Content-Range", "bytes 0-2/100")));

        assertEquals("it has 100 bytes, its listing says 3",
                failure(() -> read(open(), new StoredObject("x", 3, "1"))).getMessage());
    }

    @ParameterizedTest
    @CsvSource({"401, DENIED", "403, DENIED", "429, UNAVAILABLE", "503, UNAVAILABLE", "400, REFUSED"})
    void tellsWhatCanBeDoneAboutAFailure(int status, Kind kind) {
        server.answer(
                exchange -> FakeHttpServer.send(exchange, status, "{\"error\":{\"message\":\"Why not.\"}}", Map.of()));
        StorageException failure = failure(() -> list(open(), "m"));

        assertEquals(kind, failure.kind());
        assertEquals("Why not. (HTTP status " + status + ")", failure.getMessage());
    }

    @Test
    void anAnswerThatIsNoListingIsToldAsSuch() {
        server.answer(exchange -> FakeHttpServer.send(exchange, 200, "<html>proxy</html>", Map.of()));
        assertEquals("the answer is no JSON object", failure(() -> list(open(), "m")).getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"{\"items\":[{}]}", "{\"items\":{}}", "{\"items\":[1]}",
        "{\"items\":[{\"name\":\"models/m/x\",\"size\":{},\"generation\":\"1\"}]}"})
    void anObjectThatIsNoListingIsToldAsSuch(String answer) {
        server.answer(exchange -> FakeHttpServer.send(exchange, 200, answer, Map.of()));

        assertEquals("the answer is no listing of the JSON API", failure(() -> list(open(), "m")).getMessage());
    }

    @Test
    void aBodyThatStopsIsGivenUp() throws IOException {
        server.answer(exchange -> {
            exchange.getResponseHeaders().add("Content-Range", "bytes 0-99/100");
            exchange.sendResponseHeaders(206, 100);
            exchange.getResponseBody().write(new byte[10]);
            exchange.getResponseBody().flush();
            try {
                end.await();
            } catch (InterruptedException e) {
                // The server stops.
            }
        });
        GcsStore store = new GcsStore(
                GcsPlace.parse("gs://b", Map.of("STORAGE_EMULATOR_HOST", server.endpoint())), STRANGER,
                Duration.ofMillis(200));

        try (InputStream in = read(store, new StoredObject("x", 100, "1"))) {
            assertEquals("Read timed out", assertThrows(IOException.class, in::readAllBytes).getMessage());
        }
    }

    @ParameterizedTest
    @CsvSource({"gs://bucket,'',https://storage.googleapis.com,bucket,''",
        "gs://bucket//a/b/,'',https://storage.googleapis.com,bucket,a/b/",
        "gs://bucket/a,localhost:4443,http://localhost:4443,bucket,a/",
        "gs://bucket/a,http://localhost:4443/,http://localhost:4443,bucket,a/"})
    void readsEveryFormOfALocation(String location, String emulator, URI endpoint, String bucket, String prefix) {
        assertEquals(new GcsPlace(endpoint, bucket, prefix),
                GcsPlace.parse(location, Map.of("STORAGE_EMULATOR_HOST", emulator)));
    }

    @Test
    void refusesWhatItCanNotUse() {
        assertEquals("model repository 'gs://' names no bucket, expected gs://<bucket>/<path>",
                assertThrows(InferenceException.class, () -> GcsPlace.parse("gs://", Map.of())).getMessage());
        assertTrue(assertThrows(InferenceException.class,
                () -> GcsAccess.of(Map.of("", "/absent.json"), Map.of())).getMessage()
                .startsWith("no credentials can be read from '/absent.json', by the file that "
                        + "TRITON_CLOUD_CREDENTIAL_PATH names: "));
        assertTrue(assertThrows(InferenceException.class,
                () -> GcsAccess.of(Map.of(), Map.of("GOOGLE_APPLICATION_CREDENTIALS", "/absent.json"))).getMessage()
                .startsWith("no credentials can be read from '/absent.json', by GOOGLE_APPLICATION_CREDENTIALS: "));
    }
}

package dev.nereid.location.s3;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.storage.StoredObject;
import dev.nereid.backend.api.testkit.FakeHttpServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProviderChain;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.auth.credentials.SystemPropertyCredentialsProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

/** Against a real server of S3's protocol, and against one that answers as no real one should. */
@Timeout(180)
class S3StoreTest {
    private static final Map<String, String> KEYS = Map.of("AWS_ACCESS_KEY_ID", "key", "AWS_SECRET_ACCESS_KEY",
            "secret");

    @TempDir
    private static Path directory;
    private static S3Mock mock;
    private static S3Client client;

    private final List<AutoCloseable> opened = new ArrayList<>();

    @BeforeAll
    static void start() throws IOException, InterruptedException {
        mock = S3Mock.start(directory, "bucket");
        client = S3Client.builder().endpointOverride(URI.create(mock.endpoint())).region(Region.US_EAST_1)
                .httpClient(UrlConnectionHttpClient.create()).forcePathStyle(true)
                .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("key", "secret")))
                .build();
    }

    @AfterAll
    static void stop() {
        client.close();
        mock.close();
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable each : opened.reversed()) {
            each.close();
        }
    }

    private static void put(String key, byte[] bytes) {
        client.putObject(request -> request.bucket("bucket").key(key), RequestBody.fromBytes(bytes));
    }

    private S3Store open(String location) {
        return open(location, Duration.ofSeconds(30));
    }

    private S3Store open(String location, Duration limit) {
        S3Place place = S3Place.parse(location);
        S3Store store = S3Store.open(place, S3Access.of(place, Map.of(), KEYS), limit, limit);
        opened.add(store);
        return store;
    }

    private S3Store onMock(String path) {
        return open("s3://" + mock.endpoint() + "/" + path);
    }

    private static List<StoredObject> list(S3Store store, String model) {
        List<StoredObject> objects = new ArrayList<>();
        store.list(model, objects::add);
        return objects;
    }

    private static StorageException failure(Runnable call) {
        return assertThrows(StorageException.class, call::run);
    }

    @Test
    void listsAndReadsWhatIsInABucket() throws IOException {
        byte[] content = {1, 2, 3, 4, 5, 6, 7, 8};
        put("models/m/config.pbtxt", new byte[3]);
        put("models/m/1/model.bin", content);
        put("models/m/1/a b+ü%\u0001.txt", new byte[1]);
        put("models/n/1/", new byte[0]);
        put("other/x", new byte[1]);
        S3Store store = onMock("bucket//models/");

        assertEquals(Set.of("m", "n"), store.directories());
        assertEquals(List.of("1/a b+ü%\u0001.txt", "1/model.bin", "config.pbtxt"),
                list(store, "m").stream().map(StoredObject::key).sorted().toList());
        StoredObject model = list(store, "m").stream().filter(each -> each.key().equals("1/model.bin")).findFirst()
                .orElseThrow();
        assertEquals(8, model.size());
        try (InputStream in = store.read("m", model, 2, 3)) {
            assertArrayEquals(new byte[]{3, 4, 5}, in.readAllBytes());
        }
        assertEquals(List.of(), list(store, "absent"));
        assertEquals("bucket 'bucket' at " + mock.endpoint()
                + ", region us-east-1, credentials from AWS_ACCESS_KEY_ID in the environment", store.description());
    }

    @Test
    void saysThatThereAreNoCredentials() {
        S3Place place = S3Place.parse("s3://" + mock.endpoint() + "/bucket");
        AwsCredentialsProvider none = AwsCredentialsProviderChain.of(SystemPropertyCredentialsProvider.create());
        S3Store store = S3Store.open(place, new S3Access(none, "nowhere", "us-east-1", place.endpoint()),
                Duration.ofSeconds(30), Duration.ofSeconds(30));
        opened.add(store);

        StorageException failure = failure(store::directories);

        assertEquals(Kind.DENIED, failure.kind());
        assertEquals("there are no credentials", failure.getMessage());
    }

    @Test
    void listsTheWholeBucketWhereNoPathIsGiven() {
        put("top/config.pbtxt", new byte[1]);

        assertTrue(onMock("bucket").directories().contains("top"));
        assertEquals(1, list(onMock("bucket"), "top").size());
    }

    @Test
    void noticesThatAnObjectChanged() {
        put("changing/m/x", new byte[10]);
        S3Store store = onMock("bucket/changing");
        StoredObject listed = list(store, "m").getFirst();
        put("changing/m/x", new byte[]{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});

        assertEquals(Kind.CHANGED, failure(() -> store.read("m", listed, 0, 10)).kind());
    }

    @Test
    void listsMoreObjectsThanFitOnAPage() {
        FakeHttpServer server = fake();
        server.answer(exchange -> FakeHttpServer.send(exchange, 200,
                exchange.getRequestURI().getQuery().contains("continuation-token=next")
                        ? page("m/2", "")
                        : page("m/1", "<NextContinuationToken>next</NextContinuationToken>"),
                Map.of("Content-Type", "application/xml")));

        assertEquals(List.of("1", "2"),
                list(open("s3://" + server.endpoint() + "/b"), "m").stream().map(StoredObject::key).toList());
    }

    private static String page(String key, String next) {
        return "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>" + !next.isEmpty() + "</IsTruncated>" + next
                + "<Contents><Key>" + key + "</Key><Size>1</Size><ETag>\"e\"</ETag></Contents></ListBucketResult>";
    }

    @Test
    void saysThatThereIsNoSuchBucket() {
        StorageException failure = failure(() -> onMock("absent/models").directories());

        assertEquals(Kind.NOT_FOUND, failure.kind());
        assertTrue(failure.getMessage().contains("NoSuchBucket, HTTP status 404"), failure::getMessage);
    }

    private FakeHttpServer fake() {
        try {
            FakeHttpServer server = FakeHttpServer.start();
            opened.add(server);
            return server;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @CsvSource({"403, AccessDenied, DENIED", "503, SlowDown, UNAVAILABLE", "500, InternalError, UNAVAILABLE",
        "400, InvalidRequest, REFUSED"})
    void tellsWhatCanBeDoneAboutAFailure(int status, String code, Kind kind) {
        FakeHttpServer server = fake();
        server.answer(exchange -> FakeHttpServer.send(exchange, status, "<?xml version=\"1.0\"?><Error><Code>" + code
                + "</Code><Message>Why not.</Message></Error>", Map.of("Content-Type", "application/xml")));
        StorageException failure = failure(() -> list(open("s3://" + server.endpoint() + "/b"), "m"));

        assertEquals(kind, failure.kind());
        assertTrue(failure.getMessage().contains("Why not. (" + code + ", HTTP status " + status + ")"),
                failure::getMessage);
    }

    @Test
    void anEndpointThatNeverAnswersIsGivenUp() {
        FakeHttpServer server = fake();
        CountDownLatch end = new CountDownLatch(1);
        opened.add(end::countDown);
        server.answer(exchange -> {
            try {
                end.await();
            } catch (InterruptedException e) {
                // The server stops.
            }
            exchange.close();
        });

        assertEquals(Kind.UNAVAILABLE,
                failure(() -> list(open("s3://" + server.endpoint() + "/b", Duration.ofMillis(200)), "m")).kind());
    }

    @Test
    void anEndpointThatIsNotThereIsToldAsSuch() {
        FakeHttpServer server = fake();
        String endpoint = server.endpoint();
        server.close();
        StorageException failure = failure(() -> open("s3://" + endpoint + "/b").directories());

        assertEquals(Kind.UNAVAILABLE, failure.kind());
        assertTrue(failure.getMessage().contains("Connection refused"), failure::getMessage);
    }

    @Test
    void noticesAnObjectOfAnotherSizeThanListed() {
        FakeHttpServer server = fake();
        server.answer(exchange -> FakeHttpServer.send(exchange, 206, "abc", Map.of("Content-Range", "bytes 0-2/100")));
        StorageException failure = failure(
                () -> open("s3://" + server.endpoint() + "/b").read("m", new StoredObject("x", 3, "\"e\""), 0, 3));

        assertEquals(Kind.CHANGED, failure.kind());
        assertEquals("it has 100 bytes, its listing says 3", failure.getMessage());
    }

    @Test
    void aPartThatIsReadToItsEndLeavesItsConnectionToTheNext() throws IOException {
        FakeHttpServer server = fake();
        Set<InetSocketAddress> clients = ConcurrentHashMap.newKeySet();
        server.answer(exchange -> {
            boolean ignored = clients.add(exchange.getRemoteAddress());
            FakeHttpServer.send(exchange, 206, "abc", Map.of("Content-Range", "bytes 0-2/6"));
        });
        S3Store store = open("s3://" + server.endpoint() + "/b");
        for (int i = 0; i < 3; i++) {
            try (InputStream in = store.read("m", new StoredObject("x", 6, "\"e\""), 0, 3)) {
                assertEquals(3, in.readAllBytes().length);
            }
        }

        assertEquals(1, clients.size());
    }

    @Test
    void refusesAServerWithoutParts() {
        FakeHttpServer server = fake();
        server.answer(exchange -> FakeHttpServer.send(exchange, 200, "abcdef", Map.of()));

        assertEquals(Kind.REFUSED, failure(() -> open("s3://" + server.endpoint() + "/b").read("m",
                new StoredObject("x", 6, "\"e\""), 3, 3)).kind());
    }
}

package dev.nereid.engine.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.testkit.FakeBackend;
import dev.nereid.backend.api.testkit.FakeObjectStore;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions.RemoteOptions;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Models in object storage, beside those in a directory. */
@Timeout(120)
class RemoteRepositoryTest {
    private static final String LOCATION = "s3://bucket/models";
    private static final String CONFIG = """
            backend: "fake"
            max_batch_size: 4
            input [ { name: "INPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
            output [ { name: "OUTPUT0" data_type: TYPE_UINT8 dims: [ 4 ] } ]
            """ + EngineFixture.GROUP_OF_ONE;

    private final FakeBackend backend = new FakeBackend("fake");
    private final FakeObjectStore store = new FakeObjectStore();
    private final Path cache;
    private final EngineFixture fixture;

    RemoteRepositoryTest(@TempDir Path directory) {
        cache = directory.resolve("cache");
        store.put("far/config.pbtxt", CONFIG).put("far/1/model.bin", "v1");
        fixture = fixture(directory, backend);
    }

    private EngineFixture fixture(Path directory, FakeBackend fake) {
        return new EngineFixture(directory, fake)
                .remote(RemoteOptions.NONE.withLocations(List.of(LOCATION)).withCacheDirectory(cache)
                        .withEnvironment(Map.of()).withFactories(List.of(store.factory("s3"))));
    }

    @AfterEach
    void closeAndCheckThatTheEngineKeptItsPromises() {
        fixture.close();
        assertEquals(List.of(), backend.violations());
    }

    private static void poll(Engine engine) {
        engine.poller().orElseThrow().poll();
    }

    @Test
    void servesModelsOfBothPlaces() {
        Engine engine = fixture.model("near", 1).mode(ControlMode.NONE).start();

        assertEquals(List.of("far 1 READY", "near 1 READY"), EngineFixture.index(engine));
        assertEquals(1, EngineFixture.infer(engine, "far"));
        assertEquals(1, EngineFixture.infer(engine, "near"));
    }

    @Test
    void loadsAndUnloadsByRequest() {
        Engine engine = fixture.start();
        engine.load("far", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "far"));
        int reads = store.reads().size();
        engine.load("far", LoadOverride.NONE);
        engine.unload("far", false);

        assertEquals(List.of("far 1 UNAVAILABLE (unloaded)"), EngineFixture.index(engine));
        engine.load("far", LoadOverride.NONE);
        assertEquals(1, EngineFixture.infer(engine, "far"));
        assertEquals(reads, store.reads().size(), "what is in the cache is not fetched again");
        assertEquals(2, backend.events().stream().filter("createModel far 1"::equals).count(),
                "a load that changes nothing loads nothing");
    }

    @Test
    void loadsWithAConfigurationOfTheRequest() {
        Engine engine = fixture.start();
        engine.load("far", new LoadOverride(Optional.of("{\"backend\":\"fake\",\"max_batch_size\":2,"
                + "\"input\":[{\"name\":\"INPUT0\",\"data_type\":\"TYPE_UINT8\",\"dims\":[4]}],"
                + "\"output\":[{\"name\":\"OUTPUT0\",\"data_type\":\"TYPE_UINT8\",\"dims\":[4]}]}"), Map.of()));

        assertEquals(2, engine.lookup("far", OptionalLong.empty()).config().maxBatchSize());
        engine.load("far", LoadOverride.NONE);
        assertEquals(2, engine.lookup("far", OptionalLong.empty()).config().maxBatchSize(), "nothing has changed");
        store.put("far/config.pbtxt", CONFIG + "\n");
        engine.load("far", LoadOverride.NONE);
        assertEquals(4, engine.lookup("far", OptionalLong.empty()).config().maxBatchSize());
    }

    @Test
    void pollingFindsANewVersion() {
        Engine engine = fixture.mode(ControlMode.POLL).start();
        List<String> before = backend.events();
        poll(engine);
        assertEquals(before, backend.events(), "nothing has changed");
        store.put("far/2/model.bin", "v2");
        poll(engine);

        assertEquals(2, EngineFixture.infer(engine, "far"));
    }

    @Test
    void pollingUnloadsWhatIsGone() {
        Engine engine = fixture.mode(ControlMode.POLL).start();
        store.remove("far/config.pbtxt");
        store.remove("far/1/model.bin");
        poll(engine);

        assertEquals("Request for unknown model: 'far' has no available versions",
                assertThrows(InferenceException.class, () -> EngineFixture.infer(engine, "far")).getMessage());
    }

    @Test
    void aStorageThatDiesInTheMiddleLeavesTheOldVersionServing() {
        Engine engine = fixture.mode(ControlMode.POLL).start();
        store.put("far/2/model.bin", "v2");
        store.onRead((read, in) -> {
            throw new StorageException(Kind.REFUSED, "gone for good");
        });
        poll(engine);
        assertEquals(1, EngineFixture.infer(engine, "far"));
        store.onListing(() -> {
            throw new StorageException(Kind.REFUSED, "gone for good");
        });
        poll(engine);

        assertEquals(1, EngineFixture.infer(engine, "far"));
        assertTrue(engine.isReady());
    }

    @Test
    void saysWhyAModelCanNotBeFetchedAndNotWhereItIs() {
        Engine engine = fixture.start();
        store.onRead((read, in) -> {
            throw new StorageException(Kind.DENIED, "Access Denied (HTTP status 403)");
        });
        try (LogRecorder log = LogRecorder.start()) {
            String reason = assertThrows(InferenceException.class, () -> engine.load("far", LoadOverride.NONE))
                    .getMessage();

            assertTrue(reason
                    .startsWith("failed to load 'far', failed to poll from model repository: model 'far' can't be "
                            + "fetched: access is denied: object 'far/"),
                    reason);
            assertFalse(reason.contains("bucket"), reason);
            assertTrue(log.has("(bucket 'fake' at memory, credentials from nowhere)"), log.lines()::toString);
        }
    }

    @Test
    void aConfigurationThatIsWrongIsNamedWithoutTheCache() {
        store.put("far/config.pbtxt", "backend: ");
        Engine engine = fixture.start();
        String reason = assertThrows(InferenceException.class, () -> engine.load("far", LoadOverride.NONE))
                .getMessage();

        assertFalse(reason.contains(cache.toString()), reason);
        assertTrue(reason.contains("far/config.pbtxt"), reason);
    }

    @Test
    void aModelInBothPlacesIsServedFromNeither() {
        Engine engine = fixture.model("far", 1).start();

        assertTrue(assertThrows(InferenceException.class, () -> engine.load("far", LoadOverride.NONE)).getMessage()
                .endsWith("model appears in two or more repositories"));
    }

    @Test
    void aPlaceThatCanNotBeListedEndsTheStart() {
        store.onListing(() -> {
            throw new StorageException(Kind.NOT_FOUND, "The specified bucket does not exist (NoSuchBucket)");
        });
        InferenceException failure = assertThrows(InferenceException.class, fixture::create);

        assertEquals(StatusCode.NOT_FOUND, failure.code());
        assertEquals(
                "model repository 's3://bucket/models' can't be listed: it is not there: The specified bucket does not "
                        + "exist (NoSuchBucket) (bucket 'fake' at memory, credentials from nowhere)",
                failure.getMessage());
    }

    @Test
    void aServerThatMayLackARepositoryStartsWithoutModels() {
        store.onListing(() -> {
            throw new StorageException(Kind.NOT_FOUND, "The specified bucket does not exist (NoSuchBucket)");
        });
        Engine engine = fixture.stayingUp().start();

        assertFalse(engine.hasAllRepositories());
        assertFalse(engine.isReady());
    }

    @ParameterizedTest
    @CsvSource({"s3://bucket/models, s3, TRITON_AWS_MOUNT_DIRECTORY",
        "gs://bucket/models, gcs, TRITON_GCS_MOUNT_DIRECTORY",
        "as://account/container/models, azure, TRITON_AZURE_MOUNT_DIRECTORY"})
    void theReferencesVariableNamesTheCacheToo(String location, String plugin, String variable, @TempDir Path mount) {
        Engine engine = fixture.remote(RemoteOptions.NONE.withLocations(List.of(location))
                .withEnvironment(Map.of(variable, mount.toString()))
                .withFactories(List.of(store.factory(plugin)))).mode(ControlMode.NONE).start();

        assertEquals(1, EngineFixture.infer(engine, "far"));
        assertTrue(Files.exists(mount.resolve(".lock")));
    }

    @Test
    void aPlaceThatIsNamedTwiceIsOne() {
        Engine engine = fixture.remote(RemoteOptions.NONE.withLocations(List.of(LOCATION, LOCATION))
                .withCacheDirectory(cache).withEnvironment(Map.of()).withFactories(List.of(store.factory("s3"))))
                .mode(ControlMode.NONE).start();

        assertEquals(List.of("far 1 READY"), EngineFixture.index(engine));
        assertEquals(1, EngineFixture.infer(engine, "far"));
    }

    @Test
    void withoutADirectoryTheCacheGoesWithTheEngine() {
        try (LogRecorder log = LogRecorder.start()) {
            Engine engine = fixture.remote(RemoteOptions.NONE.withLocations(List.of(LOCATION)).withEnvironment(Map.of())
                    .withFactories(List.of(store.factory("s3")))).mode(ControlMode.NONE).start();
            assertEquals(1, EngineFixture.infer(engine, "far"));
            String line = log.lines().stream().filter(each -> each.contains("models from object storage are kept in '"))
                    .findFirst().orElseThrow();
            Path directory = Path.of(line.substring(line.indexOf('\'') + 1, line.lastIndexOf('\'')));
            assertTrue(Files.isDirectory(directory));
            engine.close();

            assertFalse(Files.exists(directory));
            assertFalse(Files.exists(directory.getParent()));
        }
    }

    @Test
    void theCacheOutlivesTheEngine(@TempDir Path other) {
        try (Engine first = fixture(other, new FakeBackend("fake")).mode(ControlMode.NONE).start()) {
            assertEquals(1, EngineFixture.infer(first, "far"));
        }
        int reads = store.reads().size();
        Engine second = fixture.mode(ControlMode.NONE).start();

        assertEquals(1, EngineFixture.infer(second, "far"));
        assertEquals(reads, store.reads().size());
        assertTrue(Files.isDirectory(cache));
    }
}

package dev.nereid.repository.location;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.storage.StorageException;
import dev.nereid.backend.api.storage.StorageException.Kind;
import dev.nereid.backend.api.testkit.FakeObjectStore;
import dev.nereid.backend.api.testkit.FakeObjectStore.Read;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.SocketTimeoutException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class RemoteLocationTest {
    private static final String NAME = "s3://bucket/models";
    private static final Retries.Policy IMPATIENT = new Retries.Policy(3, Duration.ofMillis(1), Duration.ofMillis(1));

    private final FakeObjectStore store = new FakeObjectStore();
    private final AtomicLong nanos = new AtomicLong();
    private final Path directory;
    private ModelCache cache;
    private RemoteLocation location;

    RemoteLocationTest(@TempDir Path temporary) {
        directory = temporary.resolve("cache");
        cache = ModelCache.open(directory, false);
        location = open(Disk.LOCAL);
        store.put("m/config.pbtxt", "name: \"m\"").put("m/1/model.bin", "weights").put("m/1/data/labels.txt", "a");
    }

    private RemoteLocation open(Disk disk) {
        return new RemoteLocation(NAME, store::open, cache, IMPATIENT, disk, nanos::get);
    }

    @AfterEach
    void close() {
        location.close();
        cache.close();
    }

    private Path fetch(String model) {
        return location.find(model).orElseThrow().fetch();
    }

    private String failure(String model) {
        return assertThrows(InferenceException.class, () -> fetch(model)).getMessage();
    }

    /** Returns what is in the cache but for the states of models that are whole. */
    private List<String> leftovers() throws IOException {
        try (Stream<Path> paths = Files.walk(directory)) {
            return paths.map(path -> directory.relativize(path).toString()).filter(path -> path.contains(".partial"))
                    .toList();
        }
    }

    @Test
    void fetchesAModelWithOneListing() throws IOException {
        Path model = fetch("m");

        assertEquals("m", model.getFileName().toString());
        assertEquals("weights", Files.readString(model.resolve("1/model.bin")));
        assertEquals("a", Files.readString(model.resolve("1/data/labels.txt")));
        assertEquals("name: \"m\"", Files.readString(model.resolve("config.pbtxt")));
        assertEquals(1, store.listings());
        assertTrue(location.holds(model));
        assertEquals("m/config.pbtxt: no", location.withoutPlaces(model + "/config.pbtxt: no"));
    }

    @Test
    void namesTheModels() {
        store.put("other/config.pbtxt", "").put(".git/x", "").put("file", "");
        store.put("..\\x/config.pbtxt", "");

        assertEquals(Set.of("m", "other"), location.models());
        assertTrue(location.find("absent").isEmpty());
        assertTrue(location.find("..").isEmpty());
    }

    @Test
    void fetchesNothingWhereNothingChanged() {
        Path first = fetch("m");
        int reads = store.reads().size();

        assertEquals(first, fetch("m"));
        assertEquals(reads, store.reads().size());
    }

    @Test
    void fetchesOnlyWhatChanged() throws IOException {
        Path first = fetch("m");
        store.put("m/config.pbtxt", "name: \"m\" # new");
        int reads = store.reads().size();
        Path second = fetch("m");

        assertNotEquals(first, second);
        assertEquals(List.of("m/config.pbtxt"),
                store.reads().stream().skip(reads).map(Read::key).toList());
        assertEquals("weights", Files.readString(second.resolve("1/model.bin")));
        assertEquals("name: \"m\"", Files.readString(first.resolve("config.pbtxt")), "what is in use stays as it is");
    }

    @Test
    void fetchesNothingAtTheNextStart() {
        Path first = fetch("m");
        location.close();
        cache.close();
        cache = ModelCache.open(directory, false);
        location = open(Disk.LOCAL);
        int reads = store.reads().size();

        assertEquals(first, fetch("m"));
        assertEquals(reads, store.reads().size());
    }

    @Test
    void fetchesAgainWhatIsDamagedOnTheDisk() throws IOException {
        Path first = fetch("m");
        Files.writeString(first.resolve("1/model.bin"), "wei");
        Path second = fetch("m");

        assertEquals("weights", Files.readString(second.resolve("1/model.bin")));
    }

    @Test
    void makesDirectoriesOfMarkers() {
        store.put("empty/config.pbtxt", "").put("empty/1/", "");

        assertTrue(Files.isDirectory(fetch("empty").resolve("1")));
    }

    @Test
    void makesAgainADirectoryThatIsGone() throws IOException {
        store.put("empty/config.pbtxt", "").put("empty/1/", "");
        Files.delete(fetch("empty").resolve("1"));

        assertTrue(Files.isDirectory(fetch("empty").resolve("1")));
    }

    @Test
    void leavesOutWhatToolsLeaveThere() {
        store.put("m/.git/config", "x");

        assertFalse(Files.exists(fetch("m").resolve(".git")));
    }

    @Test
    void fetchesALargeObjectInParts() throws IOException {
        byte[] large = new byte[ModelDownload.PART * 2 + 12345];
        new Random(1).nextBytes(large);
        store.put("m/1/model.bin", large);
        Path model = fetch("m");

        assertArrayEquals(large, Files.readAllBytes(model.resolve("1/model.bin")));
        assertEquals(3, store.reads().stream().filter(read -> read.key().endsWith("model.bin")).count());
    }

    @Test
    void goesOnWhereAReadBrokeOff() throws IOException {
        byte[] large = new byte[300_000];
        new Random(2).nextBytes(large);
        store.put("m/1/model.bin", large);
        store.onRead((read, in) -> read.key().endsWith("model.bin") ? cut(in, 100_000) : in);
        Path model = fetch("m");

        assertArrayEquals(large, Files.readAllBytes(model.resolve("1/model.bin")));
        assertEquals(List.of(0L, 100_000L, 200_000L), store.reads().stream()
                .filter(read -> read.key().endsWith("model.bin")).map(Read::offset).toList());
    }

    @Test
    void triesOnAsLongAsSomethingComes() throws IOException {
        byte[] large = new byte[300_000];
        new Random(3).nextBytes(large);
        store.put("m/1/model.bin", large);
        // More often than one part of it may fail.
        store.onRead((read, in) -> read.key().endsWith("model.bin") ? cut(in, 70_000) : in);

        assertArrayEquals(large, Files.readAllBytes(fetch("m").resolve("1/model.bin")));
    }

    /** Ends with a failure after that many bytes, where there are more. */
    private static InputStream cut(InputStream in, int bytes) {
        return new FilterInputStream(in) {
            private int left = bytes;

            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                if (left == 0 && in.available() > 0) {
                    throw new SocketTimeoutException("Read timed out");
                }
                int read = super.read(target, offset, Math.min(left, length));
                left -= Math.max(0, read);
                return left == 0 && read == 0 ? -1 : read;
            }
        };
    }

    @Test
    void keepsWhatWasThereWhenTheStorageDies() throws IOException {
        Path first = fetch("m");
        byte[] large = new byte[300_000];
        store.put("m/1/model.bin", large);
        AtomicInteger reads = new AtomicInteger();
        store.onRead((read, in) -> {
            if (reads.incrementAndGet() > 1) {
                throw new IOException("Connection reset");
            }
            return cut(in, 100_000);
        });

        assertEquals("model 'm' can't be fetched: the storage does not answer as it should, after several attempts: "
                + "object 'm/1/model.bin' broke off after 100000 of 300000 bytes: Connection reset", failure("m"));
        assertEquals(List.of(), leftovers());
        assertEquals("weights", Files.readString(first.resolve("1/model.bin")));
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void anErrorInAPartIsNoFile(boolean isInTheFirst) throws IOException {
        byte[] large = new byte[ModelDownload.PART + 1];
        store.put("m/1/model.bin", large);
        store.onRead((read, in) -> {
            if (read.key().endsWith("model.bin") && (read.offset() == 0) == isInTheFirst) {
                throw new NoClassDefFoundError("com/vendor/Client");
            }
            return in;
        });

        assertEquals("model 'm' can't be fetched: the client of the storage failed, the server's log tells how",
                failure("m"));
        assertEquals(List.of(), leftovers());
        store.onRead((read, in) -> in);
        assertArrayEquals(large, Files.readAllBytes(fetch("m").resolve("1/model.bin")));
    }

    @Test
    void readsEachPartToItsEndSoThatItsConnectionCanBeUsedAgain() {
        store.put("m/1/model.bin", new byte[ModelDownload.PART + 1]);
        AtomicInteger parts = new AtomicInteger();
        AtomicInteger ends = new AtomicInteger();
        store.onRead((read, in) -> {
            parts.incrementAndGet();
            return new FilterInputStream(in) {
                @Override
                public int read() throws IOException {
                    int next = super.read();
                    ends.addAndGet(next < 0 ? 1 : 0);
                    return next;
                }

                @Override
                public int read(byte[] bytes, int from, int length) throws IOException {
                    return in.read(bytes, from, length);
                }
            };
        });

        assertTrue(Files.isDirectory(fetch("m")));
        assertEquals(4, parts.get());
        assertEquals(4, ends.get());
    }

    @Test
    void waitsForAStorageThatIsBusy() {
        AtomicInteger refused = new AtomicInteger(2);
        store.onListing(() -> {
            if (refused.getAndDecrement() > 0) {
                throw new StorageException(Kind.UNAVAILABLE, "Slow Down (HTTP status 503)");
            }
        });

        assertEquals("m", fetch("m").getFileName().toString());
        assertEquals(3, store.listings());
    }

    @Test
    void saysThatTheStorageStaysBusy() {
        store.onListing(() -> {
            throw new StorageException(Kind.UNAVAILABLE, "Slow Down (HTTP status 503)");
        });

        assertEquals(
                "model 'm' can't be listed: the storage does not answer as it should, after several attempts: Slow "
                        + "Down (HTTP status 503)",
                failure("m"));
        assertEquals(3, store.listings());
    }

    @Test
    void saysWhichObjectMayNotBeRead() throws IOException {
        store.onRead((read, in) -> {
            if (read.key().endsWith("model.bin")) {
                throw new StorageException(Kind.DENIED, "Access Denied (HTTP status 403)");
            }
            return in;
        });

        assertEquals("model 'm' can't be fetched: access is denied: object 'm/1/model.bin': Access Denied (HTTP status "
                + "403)", failure("m"));
        assertEquals(List.of(), leftovers());
        assertEquals(1, store.reads().stream().filter(read -> read.key().endsWith("model.bin")).count());
    }

    @Test
    void readsCredentialsAnewWhereAccessIsDenied() {
        AtomicInteger denied = new AtomicInteger(1);
        store.onListing(() -> {
            if (denied.getAndDecrement() > 0) {
                throw new StorageException(Kind.DENIED, "ExpiredToken (HTTP status 403)");
            }
        });

        assertEquals("m", fetch("m").getFileName().toString());
        assertEquals(2, store.opened());
    }

    @Test
    void tellsTheOperatorWhatClientsNeedNotKnow() {
        store.onListing(() -> {
            throw new StorageException(Kind.DENIED, "Access Denied (HTTP status 403)");
        });

        assertEquals(
                "model repository 's3://bucket/models' can't be listed: access is denied: Access Denied (HTTP status "
                        + "403) (bucket 'fake' at memory, credentials from nowhere)",
                assertThrows(InferenceException.class, () -> location.check()).getMessage());
    }

    @Test
    void refusesAnObjectThatIsShorterThanListed() throws IOException {
        store.tellSize("m/1/model.bin", 1000);

        assertEquals("model 'm' can't be fetched: the storage does not answer as it should, after several attempts: "
                + "object 'm/1/model.bin' ended after 7 bytes, its listing says 1000", failure("m"));
        assertEquals(List.of(), leftovers());
    }

    @Test
    void refusesAnObjectThatIsLongerThanListed() throws IOException {
        store.tellSize("m/1/model.bin", 3);

        assertEquals(
                "model 'm' can't be fetched: it changed while it was read: object 'm/1/model.bin' is longer than the "
                        + "3 bytes of its listing",
                failure("m"));
        assertEquals(List.of(), leftovers());
    }

    @Test
    void takesTheNewOneOfAnObjectThatChangesWhileItIsRead() throws IOException {
        AtomicInteger changes = new AtomicInteger(1);
        store.onRead((read, in) -> {
            if (read.key().endsWith("model.bin") && changes.getAndDecrement() > 0) {
                store.put("m/1/model.bin", "better");
                throw new StorageException(Kind.CHANGED, "it has another etag");
            }
            return in;
        });

        assertEquals("better", Files.readString(fetch("m").resolve("1/model.bin")));
        assertEquals(List.of(), leftovers());
    }

    @Test
    void givesUpAnObjectThatKeepsChanging() {
        store.onRead((read, in) -> {
            throw new StorageException(Kind.CHANGED, "it has another etag");
        });

        assertTrue(failure("m").startsWith("model 'm' can't be fetched: it changed while it was read: object 'm/"));
        assertEquals(3, store.listings());
    }

    @Test
    void fetchesTwentyThousandObjects() throws IOException {
        for (int i = 0; i < 20_000; i++) {
            store.put("many/1/part-" + i, "x");
        }
        Path model = fetch("many");

        try (Stream<Path> files = Files.list(model.resolve("1"))) {
            assertEquals(20_000, files.count());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "1/../../x", "/etc/passwd", "1//x", "./x", "1/a\nb", "1\\x", "1/\u0000"})
    void refusesNamesThatAreNoFileInsideTheModel(String key) throws IOException {
        store.put("bad/" + key, "x");
        String failure = failure("bad");

        assertTrue(failure.startsWith("object '") && failure.contains("of model 'bad' can't be a file: its name"),
                failure);
        assertFalse(failure.contains("\n"));
        assertEquals(List.of(), store.reads());
        assertEquals(List.of(), leftovers());
    }

    @Test
    void refusesANameThatIsTooLongForAFile() {
        store.put("bad/" + "ä".repeat(128), "x");

        assertTrue(failure("bad").contains("its name has an element of more than 255 bytes"));
    }

    @Test
    void refusesAnObjectThatIsADirectory() {
        store.put("bad/1", "x").put("bad/1/model.bin", "x");

        assertEquals("object '1' of model 'bad' can't be a file: there are objects in a directory of that name, too; "
                + "remove or rename it", failure("bad"));
    }

    @Test
    void refusesWhatTheDiskHasNoRoomFor() {
        location = open(new SmallDisk(5, Long.MAX_VALUE));

        assertEquals("model 'm' needs 0.0 MiB in the model cache, whose disk has 0.0 MiB left", failure("m"));
        assertEquals(List.of(), store.reads());
    }

    @Test
    void leavesNothingOnADiskThatIsFullInTheMiddle() throws IOException {
        Path first = fetch("m");
        byte[] large = new byte[300_000];
        store.put("m/1/model.bin", large);
        location = open(new SmallDisk(Long.MAX_VALUE, 100_000));

        assertEquals("file '1/model.bin' of model 'm' can't be written to the model cache: No space left on device",
                failure("m"));
        assertEquals(List.of(), leftovers());
        assertEquals("weights", Files.readString(first.resolve("1/model.bin")));
    }

    /** A disk that has room for that many bytes, and says that it has room for so many. */
    private record SmallDisk(long told, long room) implements Disk {
        @Override
        public long freeBytes(Path path) {
            return told;
        }

        @Override
        public ModelDownload.PartFile open(Path file) throws IOException {
            ModelDownload.PartFile real = Disk.LOCAL.open(file);
            return new ModelDownload.PartFile() {
                @Override
                public void write(byte[] bytes, int length, long position) throws IOException {
                    if (position + length > room) {
                        throw new IOException("No space left on device");
                    }
                    real.write(bytes, length, position);
                }

                @Override
                public void force() throws IOException {
                    real.force();
                }

                @Override
                public void close() throws IOException {
                    real.close();
                }
            };
        }
    }

    @Test
    void tellsHowFarALongDownloadIs() {
        byte[] large = new byte[4 << 20];
        store.put("m/1/model.bin", large);
        store.onRead((read, in) -> new FilterInputStream(in) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                nanos.addAndGet(TimeUnit.MILLISECONDS.toNanos(100));
                return super.read(target, offset, length);
            }
        });
        try (Log log = Log.start()) {
            assertTrue(Files.isDirectory(fetch("m")));

            assertTrue(log.lines.stream().anyMatch(line -> line
                    .matches("fetching model 'm': [1-4] of 4 MiB, 0\\.\\d MiB/s, \\d+ s to go")), log.lines::toString);
            assertTrue(log.lines.stream().anyMatch(line -> line
                    .matches("fetched model 'm' from 's3://bucket/models': 4\\.0 of 4\\.0 MiB in [67]\\.\\d s")),
                    log.lines::toString);
        }
    }

    /** What is logged while it is open. */
    private static final class Log extends Handler implements AutoCloseable {
        private final List<String> lines = new ArrayList<>();

        static Log start() {
            Log log = new Log();
            Logger.getLogger("").addHandler(log);
            return log;
        }

        @Override
        public synchronized void publish(LogRecord record) {
            lines.add(record.getMessage());
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
            Logger.getLogger("").removeHandler(this);
        }
    }

    @Test
    void endsADownloadWhenTheServerStops() throws InterruptedException, IOException {
        CountDownLatch isReading = new CountDownLatch(1);
        store.onRead((read, in) -> new FilterInputStream(in) {
            @Override
            public int read(byte[] target, int offset, int length) throws IOException {
                isReading.countDown();
                try {
                    new CountDownLatch(1).await();
                } catch (InterruptedException e) {
                    throw new IOException("interrupted", e);
                }
                return -1;
            }
        });
        FutureTask<Path> fetch = new FutureTask<>(() -> fetch("m"));
        Thread thread = Thread.ofPlatform().start(fetch);
        assertTrue(isReading.await(30, TimeUnit.SECONDS));
        location.close();

        ExecutionException failure = assertThrows(ExecutionException.class, fetch::get);
        assertTrue(String.valueOf(failure.getCause()).endsWith("the server is stopping"), failure::toString);
        thread.join();
        assertEquals(List.of(), leftovers());
    }

    @Test
    void keepsStatesThatAreInUseAndTheLastTwo() {
        Path first = fetch("m");
        HeldDirectory held = location.hold(first);
        List<Path> later = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            store.put("m/config.pbtxt", "name: \"m\" # " + i);
            later.add(fetch("m"));
        }

        assertTrue(Files.exists(first), "it is held");
        assertFalse(Files.exists(later.get(0)));
        assertTrue(Files.exists(later.get(1)));
        assertTrue(Files.exists(later.get(2)));

        held.close();

        assertFalse(Files.exists(first));
    }

    @Test
    void theNewestStateStaysWhereTheClockWasSetBack() throws IOException {
        FileTime toCome = FileTime.from(Instant.now().plus(Duration.ofDays(1)));
        for (int i = 0; i < 2; i++) {
            store.put("m/config.pbtxt", "name: \"m\" # " + i);
            Path state = Objects.requireNonNull(fetch("m").getParent());
            assertEquals(state, Files.setLastModifiedTime(state, toCome));
        }
        store.put("m/config.pbtxt", "name: \"m\" # now");

        assertEquals("name: \"m\" # now", Files.readString(fetch("m").resolve("config.pbtxt")));
    }

    @Test
    void waitsLongerBeforeItFetchesByItselfWhatCouldNotBeFetched() {
        store.onRead((read, in) -> {
            throw new StorageException(Kind.DENIED, "Access Denied (HTTP status 403)");
        });
        String reason = failure("m");

        assertEquals(reason, location.find("m").orElseThrow().recentFailure().orElseThrow().getMessage());
        nanos.addAndGet(TimeUnit.SECONDS.toNanos(31));
        assertTrue(location.find("m").orElseThrow().recentFailure().isEmpty());
        String again = failure("m");
        nanos.addAndGet(TimeUnit.SECONDS.toNanos(31));
        assertEquals(again, location.find("m").orElseThrow().recentFailure().orElseThrow().getMessage());
        store.put("m/config.pbtxt", "other");
        assertTrue(location.find("m").orElseThrow().recentFailure().isEmpty(), "it is another state");
    }

    @Test
    void letsOneServerUseACache() {
        assertEquals(
                "the model cache directory '" + directory + "' is in use by another server; each server needs one of "
                        + "its own",
                assertThrows(InferenceException.class, () -> ModelCache.open(directory, false)).getMessage());
    }

    @Test
    void removesWhatADownloadThatBrokeOffHasLeft() throws IOException {
        Path model = fetch("m");
        Path left = Files.createDirectories(model.resolve("../../.partial-1/m").normalize());
        Files.writeString(left.resolve("x"), "x");
        Path foreign = Files.createDirectories(directory.resolve("lost+found/m/.partial-1"));
        location.close();
        cache.close();
        cache = ModelCache.open(directory, false);
        location = open(Disk.LOCAL);

        assertFalse(Files.exists(left));
        assertTrue(Files.exists(model));
        assertTrue(Files.exists(foreign), "what is not the cache's stays");
    }

    @Test
    void removesATemporaryCache(@TempDir Path temporary) {
        Path path = temporary.resolve("models");
        ModelCache made = ModelCache.open(path, true);
        assertTrue(Files.isDirectory(path));
        made.close();

        assertFalse(Files.exists(path));
    }
}

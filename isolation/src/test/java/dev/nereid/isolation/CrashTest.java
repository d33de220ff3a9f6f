package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.stats.MetricFamily.Single;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the server does when the process of a model ends, in every way and at every moment. One engine for all tests. */
class CrashTest {
    /** More of them by hand. */
    private static final int CRASHES = Integer.getInteger("nereid.test.crashes", 2);
    private static final Map<String, String> ISOLATED = Map.of("ISOLATION", "process");
    private static final Map<String, String> ENDINGS = Map.of("abort", "ended with SIGABRT", "null",
            "ended with SIGSEGV", "memory", "ran out of memory on its heap", "exit", "exited with status 7", "hang",
            "was ended, because it made no progress for 3 s");

    @TempDir
    private static Path directory;

    private static IsolationFixture rig;

    @BeforeAll
    static void start() {
        rig = new IsolationFixture(directory).setting("worker-heap", "48m").setting("crash-limit", "1000/5")
                .model("crashing", with("ISOLATION_HANG_LIMIT", "3", "ISOLATION_THREADS", "3"))
                .model("isolated", ISOLATED)
                .model("here", Map.of()).start();
        rig.load("crashing");
        rig.load("isolated");
        rig.load("here");
    }

    @AfterAll
    static void stop() {
        rig.close();
    }

    private static Map<String, String> with(String... more) {
        Map<String, String> parameters = new java.util.TreeMap<>(ISOLATED);
        for (int i = 0; i < more.length; i += 2) {
            parameters.put(more[i], more[i + 1]);
        }
        return parameters;
    }

    /** Clients of two healthy models, and of one that crashes now and then. */
    private static final class Clients implements AutoCloseable {
        private final AtomicBoolean isOver = new AtomicBoolean();
        private final AtomicInteger answered = new AtomicInteger();
        private final List<Throwable> failures = new ArrayList<>();
        private final List<Thread> threads = new ArrayList<>();

        Clients(int count) {
            for (int i = 0; i < count; i++) {
                String model = List.of("isolated", "here", "crashing", "crashing").get(i % 4);
                threads.add(Thread.ofPlatform().daemon(true).start(() -> run(model)));
            }
        }

        private void run(String model) {
            while (!isOver.get()) {
                try {
                    assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer(model, 1, 2, 3, 4));
                    answered.incrementAndGet();
                } catch (InferenceException e) {
                    if (!model.equals("crashing") || e.code() != StatusCode.UNAVAILABLE) {
                        note(e);
                    }
                } catch (RuntimeException | Error e) {
                    note(e);
                }
                LockSupport.parkNanos(1_000_000);
            }
        }

        private synchronized void note(Throwable failure) {
            failures.add(failure);
        }

        @Override
        public void close() {
            isOver.set(true);
            for (Thread thread : threads) {
                IsolationFixture.await("a client has its answer", () -> !thread.isAlive());
            }
            assertEquals(List.of(), failures);
        }
    }

    @Test
    void everyWayToEndInAnExecutionLeavesTheOthersAlone() {
        try (Clients clients = new Clients(16)) {
            for (Map.Entry<String, String> each : ENDINGS.entrySet()) {
                rig.awaitReady("crashing");
                InferenceException failure = assertThrows(InferenceException.class,
                        () -> rig.crash("crashing", each.getKey()));
                assertEquals(StatusCode.UNAVAILABLE, failure.code());
                assertEquals("model 'crashing' version 1: its process " + each.getValue(), failure.getMessage());
                assertFalse(failure.getMessage().contains("/"), "no path for clients");
            }
            rig.awaitReady("crashing");
            int before = clients.answered.get();
            IsolationFixture.await("requests are answered", () -> clients.answered.get() > before + 100);
        }
        assertArrayEquals(new float[]{5, 6, 7, 8}, rig.infer("crashing", 5, 6, 7, 8));
    }

    @Test
    void aModelThatCantBeLoadedAgainIsNotReadyAndIsTriedAgain() {
        rig.model("unloadable", with("when", "load", "how", "exit", "ISOLATION_CRASH_LIMIT", "1000/5"));
        rig.load("unloadable");
        rig.arm("unloadable", true);

        assertThrows(InferenceException.class, () -> rig.crash("unloadable", "abort"));

        IsolationFixture.await("it is tried again",
                () -> rig.state("unloadable").contains("could not be started again"));
        assertTrue(rig.state("unloadable").startsWith("UNAVAILABLE "), rig.state("unloadable"));
        assertFalse(rig.engine().isReady());
        assertFalse(rig.engine().lookup("unloadable", java.util.OptionalLong.empty()).isReady());
        rig.arm("unloadable", false);
        rig.awaitReady("unloadable");
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("unloadable", 1, 2, 3, 4));
        rig.inference().unload("unloadable");
    }

    @Test
    void everyMomentOfALoadCanFail() {
        for (String moment : List.of("load", "instance", "execute")) {
            String more = moment.equals("execute") ? """
                    model_warmup [ { name: "first" batch_size: 1 count: 2
                        inputs { key: "INPUT0" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } } } ]
                    """ : "";
            String model = "fails-at-" + moment;
            rig.model(model, with("when", moment, "how", "abort"), more);
            rig.arm(model, true);

            InferenceException failure = assertThrows(InferenceException.class, () -> rig.load(model));

            assertTrue(failure.getMessage().contains("version 1: its process ended with SIGABRT"), failure::getMessage);
            assertTrue(rig.state(model).startsWith("UNAVAILABLE "), rig.state(model));
        }
        rig.arm("fails-at-execute", false);
        rig.load("fails-at-execute");
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("fails-at-execute", 1, 2, 3, 4));
        // Its warm-up is repeated in the next process, which ends with it.
        rig.arm("fails-at-execute", true);
        assertThrows(InferenceException.class, () -> rig.crash("fails-at-execute", "exit"));
        IsolationFixture.await("it is tried again",
                () -> rig.state("fails-at-execute").contains("could not be started again"));
        rig.inference().unload("fails-at-execute");
    }

    @Test
    void aProcessThatEndsWhileItClosesIsClosed() {
        for (String how : List.of("abort", "hang")) {
            String model = "close-" + how;
            rig.model(model, with("when", "close", "how", how, "ISOLATION_HANG_LIMIT", "3"));
            rig.arm(model, true);
            rig.load(model);
            rig.inference().unload(model);
            IsolationFixture.await("it is unloaded", () -> rig.state(model).equals("UNAVAILABLE unloaded"));
        }
    }

    @Test
    void aProcessThatEndsTooOftenIsGivenUpUntilItIsLoadedAgain() {
        rig.model("given-up", with("ISOLATION_CRASH_LIMIT", "1/5"));
        rig.load("given-up");
        assertThrows(InferenceException.class, () -> rig.crash("given-up", "exit"));
        rig.awaitReady("given-up");
        assertThrows(InferenceException.class, () -> rig.crash("given-up", "exit"));

        IsolationFixture.await("it is given up", () -> rig.state("given-up").contains("not started again"));
        assertEquals(
                "UNAVAILABLE model 'given-up' version 1: its process exited with status 7; it ended 2 times within "
                        + "5 min and is not started again; load the model again to try",
                rig.state("given-up"));
        assertEquals(
                "model 'given-up' version 1: its process exited with status 7; it ended 2 times within 5 min and is "
                        + "not started again; load the model again to try",
                assertThrows(InferenceException.class, () -> rig.infer("given-up", 1, 2, 3, 4)).getMessage());

        rig.load("given-up");
        assertEquals("READY ", rig.state("given-up"));
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("given-up", 1, 2, 3, 4));
    }

    @Test
    void endsThatAreLongAgoDoNotCount() {
        // Those of the same moment are all that count.
        rig.model("forgiven", with("ISOLATION_CRASH_LIMIT", "1/0"));
        rig.load("forgiven");
        long before = restarts("forgiven");
        for (int i = 0; i < 2; i++) {
            assertThrows(InferenceException.class, () -> rig.crash("forgiven", "exit"));
            rig.awaitReady("forgiven");
        }
        assertEquals(2, restarts("forgiven") - before);
        rig.inference().unload("forgiven");
    }

    private static long restarts(String model) {
        return rig.engine().backendMetrics().stream().filter(each -> each.name().equals("nereid_worker_restarts"))
                .flatMap(each -> each.samples().stream()).filter(each -> model.equals(each.labels().get("model")))
                .mapToLong(each -> Math.round(((Single) each.value()).number())).findFirst().orElseThrow();
    }

    @Test
    void memoryBeyondTheLimitEndsTheProcess() {
        rig.model("large", with("ISOLATION_MEMORY_LIMIT", "1m"));
        try {
            rig.load("large");
        } catch (InferenceException e) {
            assertTrue(String.valueOf(e.getMessage()).contains("was ended, because it occupied"), e::toString);
        }
        IsolationFixture.await("it is ended for that",
                () -> rig.state("large").contains("was ended, because it occupied"));
        rig.inference().unload("large");
    }

    @Test
    void aProcessIsStartedAsItsSettingsSay() throws IOException {
        rig.awaitReady("crashing");
        List<String> command = List
                .of(Files.readString(Path.of("/proc/" + rig.processOf("crashing").pid() + "/cmdline"))
                        .split("\0"));
        assertTrue(command.containsAll(List.of("-Xmx48m", "-XX:ActiveProcessorCount=3", "-XX:TieredStopAtLevel=1",
                "-XX:+ExitOnOutOfMemoryError")), command::toString);
    }

    @Test
    void filesAndMemoryStayAsTheyAreAfterManyCrashes() throws IOException {
        crashSeveralTimes(1);
        long files = openFiles();
        long mappings = sharedMappings();
        long heap = heapBytes();
        crashSeveralTimes(CRASHES);
        assertTrue(openFiles() <= files + 2, () -> "open files: " + files + " before");
        assertEquals(mappings, sharedMappings(), "mappings of shared memory");
        long heapAfter = heapBytes();
        assertTrue(heapAfter < heap + (8 << 20),
                () -> "bytes on the heap: " + heap + " before, " + heapAfter + " after");
    }

    private static long sharedMappings() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/maps")).stream().filter(line -> line.contains("nereid-worker"))
                .count();
    }

    private static long heapBytes() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }

    private static void crashSeveralTimes(int times) {
        for (int i = 0; i < times; i++) {
            rig.awaitReady("crashing");
            assertThrows(InferenceException.class, () -> rig.crash("crashing", "abort"));
        }
        rig.awaitReady("crashing");
    }

    private static long openFiles() throws IOException {
        return count(Path.of("/proc/self/fd"));
    }

    private static long count(Path path) throws IOException {
        try (Stream<Path> files = Files.list(path)) {
            return files.count();
        }
    }

    @Test
    void requestsThatWaitAreAnsweredToo() throws InterruptedException {
        rig.model("busy", with("ISOLATION_HANG_LIMIT", "3"));
        rig.load("busy");
        CountDownLatch answered = new CountDownLatch(9);
        Thread.ofPlatform().daemon(true).start(() -> {
            assertThrows(InferenceException.class, () -> rig.crash("busy", "hang"));
            answered.countDown();
        });
        for (int i = 0; i < 8; i++) {
            Thread.ofPlatform().daemon(true).start(() -> {
                try {
                    float[] ignored = rig.infer("busy", 1, 2, 3, 4);
                } catch (InferenceException e) {
                    assertEquals(StatusCode.UNAVAILABLE, e.code());
                }
                answered.countDown();
            });
        }
        assertTrue(answered.await(30, java.util.concurrent.TimeUnit.SECONDS));
    }
}

package dev.nereid.isolation;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.MemoryUsage;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.engine.Inference;
import dev.nereid.engine.Response;
import dev.nereid.engine.ResponseListener;
import dev.nereid.engine.Ticket;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.stats.MetricFamily.Single;
import dev.nereid.isolation.border.BorderBackendFactory;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What models in processes of their own can do beside answering. One engine for all tests. */
class BorderTest {
    private static final Map<String, String> ISOLATED = Map.of("ISOLATION", "process");
    /** So little that whatever is not given back is soon missed. A tensor takes 256 bytes at least. */
    private static final int SHARED_BYTES = 32 << 10;

    @TempDir
    private static Path directory;

    private static IsolationFixture rig;

    @BeforeAll
    static void start() {
        rig = new IsolationFixture(directory).sharedBytes(SHARED_BYTES);
        BackendJars.write(new BorderBackendFactory(), rig.backends());
        border("border", ISOLATED, "");
        rig.model("here", Map.of()).model("isolated", ISOLATED).start();
        rig.load("border");
        rig.load("here");
        rig.load("isolated");
    }

    @AfterAll
    static void stop() {
        rig.close();
    }

    private static void border(String name, Map<String, String> parameters, String more) {
        rig.file(name, "config.pbtxt", rig.text(parameters, more).replace("\"crash\"", "\"border\""));
    }

    private static Inference request(String wish) {
        return IsolationFixture.request("border", 1, 2, 3, 4).withParameter("do", Parameter.of(wish));
    }

    private static float[] answer(Response response) {
        try (response) {
            return response.outputs().getFirst().data().toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    @Test
    void callsModelsWhereverTheyAre() {
        for (String wish : List.of("call", "listen")) {
            for (String target : List.of("here", "isolated")) {
                Inference asked = request(wish).withParameter("target", Parameter.of(target));
                assertArrayEquals(new float[]{1, 2, 3, 4}, answer(rig.inference().infer(asked)));
            }
        }
    }

    @Test
    void memoryThatIsSharedIsGivenBackHoweverARequestEnds() {
        for (int i = 0; i < 2 * SHARED_BYTES / 256; i++) {
            for (String wish : List.of("", "later", "call", "listen")) {
                Inference asked = request(wish).withParameter("target", Parameter.of("isolated"));
                assertArrayEquals(new float[]{1, 2, 3, 4}, answer(rig.inference().infer(asked)));
            }
            for (String wish : List.of("drop", "throw")) {
                assertEquals("as was wished", assertThrows(InferenceException.class,
                        () -> rig.inference().infer(request(wish))).getMessage());
            }
        }
    }

    @Test
    void callsThatCantBeFail() {
        InferenceException unknown = assertThrows(InferenceException.class,
                () -> rig.inference().infer(request("call").withParameter("target", Parameter.of("nobody"))));
        assertEquals(StatusCode.NOT_FOUND, unknown.code());
        InferenceException circle = assertThrows(InferenceException.class,
                () -> rig.inference().infer(request("call").withParameter("target", Parameter.of("border"))));
        assertEquals(StatusCode.UNSUPPORTED, circle.code());
    }

    @Test
    void seesThatARequestIsCancelled() throws Exception {
        Ended ended = new Ended();
        Ticket ticket = rig.inference().submit(request("wait-for-cancel"), ended);
        IsolationFixture.await("it is executed", () -> rig.engine().lookup("border", OptionalLong.empty())
                .queueSize() == 0);
        ticket.cancel();
        assertEquals("seen", ended.error());
    }

    @Test
    void answersLater() {
        assertArrayEquals(new float[]{1, 2, 3, 4}, answer(rig.inference().infer(request("later"))));
    }

    @Test
    void aRequestThatIsToBeAnsweredLaterIsLostWithItsProcess() throws Exception {
        border("late", ISOLATED, "");
        rig.load("late");
        Ended ended = new Ended();
        Ticket ignored = rig.inference().submit(IsolationFixture.request("late", 1, 2, 3, 4).withParameter("do",
                Parameter.of("never")), ended);
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("late", 1, 2, 3, 4), "the instance is free again");

        assertTrue(rig.processOf("late").destroyForcibly());

        assertEquals("model 'late' version 1: its process ended with SIGKILL, as the system does where memory runs out",
                ended.error());
        rig.awaitReady("late");
        rig.inference().unload("late");
    }

    @Test
    void metricsAndMemoryAreThoseOfTheProcess() {
        assertArrayEquals(new float[]{1, 2, 3, 4}, answer(rig.inference().infer(request(""))));
        Map<String, String> labels = Map.of("model", "border", "version", "1");

        assertEquals(1, value("nereid_worker_up", labels));
        assertEquals(0, value("nereid_worker_restarts", labels));
        assertTrue(value("nereid_worker_resident_bytes", labels) > 10_000_000);
        assertEquals(1, value("border_starts_total", Map.of("backend", "border", "model", "border", "version", "1")));
        assertTrue(family("border_rows").samples().stream().anyMatch(sample -> sample.labels().equals(labels)));
        ServedVersion version = rig.engine().lookup("border", OptionalLong.empty());
        assertEquals(List.of(new MemoryUsage(Placement.CPU, 4711)), version.memoryUsage());
    }

    private static MetricFamily family(String name) {
        return rig.engine().backendMetrics().stream().filter(each -> each.name().equals(name)).findFirst()
                .orElseThrow();
    }

    private static double value(String name, Map<String, String> labels) {
        return family(name).samples().stream().filter(sample -> sample.labels().equals(labels))
                .mapToDouble(sample -> ((Single) sample.value()).number()).findFirst().orElseThrow();
    }

    @Test
    void completesConfigurations() {
        border("completed", Map.of("ISOLATION", "process", "complete", "1"), "");
        rig.load("completed");
        assertEquals(4, rig.engine().lookup("completed", OptionalLong.empty()).config().maxBatchSize());
        rig.inference().unload("completed");
    }

    @Test
    void aBatchingStrategyIsRefused() {
        border("strategy", Map.of("ISOLATION", "process", "strategy", "1"), "dynamic_batching { }\n");
        InferenceException failure = assertThrows(InferenceException.class, () -> rig.load("strategy"));
        assertTrue(failure.getMessage().contains("decides itself which requests share a batch, which can't be asked "
                + "across processes"), failure::getMessage);
    }

    @Test
    void aGroupSharesAProcessAndItsEnd() {
        Map<String, String> grouped = Map.of("ISOLATION", "process", "ISOLATION_GROUP", "pair");
        rig.model("one", grouped).model("two", grouped);
        rig.load("one");
        rig.load("two");
        assertEquals(rig.processOf("one").pid(), rig.processOf("two").pid());
        assertNotEquals(rig.processOf("one").pid(), rig.processOf("isolated").pid());

        assertThrows(InferenceException.class, () -> rig.crash("one", "abort"));

        rig.awaitReady("one");
        rig.awaitReady("two");
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("two", 1, 2, 3, 4));
        rig.inference().unload("one");
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("two", 1, 2, 3, 4));
        rig.inference().unload("two");
    }

    @Test
    void whatIsUnloadedWhileItsGroupIsStartedAgainLeavesNothingThere() throws IOException {
        Map<String, String> grouped = Map.of("ISOLATION", "process", "ISOLATION_GROUP", "held");
        border("left", grouped, "");
        border("stays", grouped, "");
        rig.load("left");
        rig.load("stays");
        Path directory = rig.repository().resolve("stays");
        Files.writeString(directory.resolve("hold"), "");
        assertTrue(rig.processOf("stays").destroyForcibly());
        IsolationFixture.await("it is being loaded again", () -> Files.exists(directory.resolve("holding")));

        rig.inference().unload("left");
        Files.delete(directory.resolve("hold"));

        rig.awaitReady("stays");
        assertTrue(loads().contains("stays"));
        IsolationFixture.await("what was unloaded is closed", () -> !loads().contains("left"));
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("stays", 1, 2, 3, 4));
        rig.inference().unload("stays");
    }

    /** Returns the models of the border backend that are loaded in some process. */
    private static Set<String> loads() {
        Set<String> models = new TreeSet<>();
        family("border_loads_total").samples()
                .forEach(sample -> models.add(sample.labels().getOrDefault("model", "")));
        return models;
    }

    @Test
    void anUnloadEndsTheProcessThatIsToReplaceAnother() throws Exception {
        border("held", ISOLATED, "");
        rig.load("held");
        Path directory = rig.repository().resolve("held");
        Files.writeString(directory.resolve("hold"), "");
        assertTrue(rig.processOf("held").destroyForcibly());
        IsolationFixture.await("it is being loaded again", () -> Files.exists(directory.resolve("holding")));
        ProcessHandle next = ProcessHandle.of(Long.parseLong(Files.readString(directory.resolve("holding"))))
                .orElseThrow();
        assertTrue(next.isAlive());

        rig.inference().unload("held");

        assertTrue(next.onExit().get(30, TimeUnit.SECONDS).isAlive() == false);
    }

    @Test
    void aProcessIgnoresWhatATerminalOrServiceManagerSendsToAll() {
        assertTrue(rig.processOf("isolated").destroy());
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("isolated", 1, 2, 3, 4));
        assertEquals("READY ", rig.state("isolated"));
    }

    @Test
    void anUnloadEndsTheProcess() throws Exception {
        rig.model("gone", ISOLATED);
        rig.load("gone");
        ProcessHandle process = rig.processOf("gone");
        rig.inference().unload("gone");
        assertTrue(process.onExit().get(30, TimeUnit.SECONDS).isAlive() == false);
        assertTrue(names().stream().noneMatch("gone"::equals), "no metrics are left of it");
    }

    private static Set<String> names() {
        Set<String> names = new TreeSet<>();
        family("nereid_worker_up").samples().forEach(sample -> names.add(sample.labels().getOrDefault("model", "")));
        return names;
    }

    @Test
    void aLoadThatEndsAProcessIsAnErrorWithLoadCheck() {
        rig.model("checked", Map.of("when", "load", "how", "null"));
        rig.arm("checked", true);

        InferenceException failure = assertThrows(InferenceException.class, () -> rig.load("checked"));

        assertTrue(
                failure.getMessage().contains("the process that tried to load it first (load-check): model 'checked' "
                        + "version 1: its process ended with SIGSEGV"),
                failure::getMessage);
        rig.arm("checked", false);
        rig.load("checked");
        assertArrayEquals(new float[]{1, 2, 3, 4}, rig.infer("checked", 1, 2, 3, 4));
    }

    /** Waits for the end of a request. */
    private static final class Ended implements ResponseListener {
        private final CompletableFuture<String> error = new CompletableFuture<>();
        private final List<Response> responses = new ArrayList<>();

        @Override
        public void response(Response response, boolean isLast) {
            responses.add(response);
            response.close();
        }

        @Override
        public void end(@Nullable InferenceException failure) {
            error.complete(failure == null ? "none" : failure.getMessage());
        }

        String error() throws Exception {
            return error.get(60, TimeUnit.SECONDS);
        }
    }
}

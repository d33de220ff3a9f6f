package dev.nereid.isolation.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.isolation.memory.FakeKernel;
import dev.nereid.isolation.memory.MemoryLimit;
import dev.nereid.isolation.region.Blocks;
import dev.nereid.isolation.region.SharedRegion;
import dev.nereid.isolation.wire.Connection;
import dev.nereid.isolation.wire.Control;
import dev.nereid.isolation.wire.FrameOutput;
import dev.nereid.isolation.wire.Hello;
import dev.nereid.isolation.wire.Lane;
import dev.nereid.isolation.wire.RecordCodec;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a server does with a process that does not keep to what was agreed. */
class BrokenProcessTest {
    private static final long LIMIT_SECONDS = 30;

    @TempDir
    private Path directory;

    private Reception reception;
    private SharedRegion region;
    private Process program;
    private WorkerProcess process;

    @BeforeEach
    void start() throws IOException {
        reception = Reception.open(directory);
        region = SharedRegion.create(1 << 20, directory, false);
        region.opened();
        // What runs in it does not matter: the test speaks for it.
        program = new ProcessBuilder("sleep", "600").start();
        process = process(Optional.empty());
    }

    private WorkerProcess process(Optional<MemoryLimit> limit) {
        return new WorkerProcess(new WorkerProcess.Parts("model 'm' version 1", program, "token", region,
                new Blocks(region.inputs(), 1 << 20), reception, directory.resolve("none"), limit));
    }

    @AfterEach
    void stop() {
        program.destroyForcibly();
        reception.close();
    }

    /** A connection, and the end of it that a process has. */
    private record Both(Connection server, SocketChannel worker) {
    }

    private Both connect(int lane) throws Exception {
        Hello hello = new Hello("token", lane);
        CompletableFuture<Connection> server = reception.expect(hello);
        SocketChannel worker = SocketChannel.open(UnixDomainSocketAddress.of(reception.path()));
        write(worker, frame(Hello.class, hello));
        return new Both(server.get(LIMIT_SECONDS, TimeUnit.SECONDS), worker);
    }

    private static void write(SocketChannel channel, byte[] bytes) throws IOException {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        while (rest.hasRemaining()) {
            int ignored = channel.write(rest);
        }
    }

    private static byte[] frame(Class<?> type, Object value) {
        FrameOutput out = new FrameOutput();
        RecordCodec.write(type, value, out);
        byte[] content = out.content();
        return ByteBuffer.allocate(Integer.BYTES + content.length).putInt(content.length).put(content).array();
    }

    /** Requests may ask before its status is read. */
    @Test
    void theReasonOfAnEndIsKnownAtOnce() {
        assertEquals("has ended", process.knownEnding());

        process.end("was ended, because it occupied too much");
        assertEquals("was ended, because it occupied too much", process.knownEnding());
    }

    @Test
    void howAProcessEndedByItselfIsKnownOnceItsStatusIsRead() {
        program.destroyForcibly();

        assertEquals(process.ending().text(), process.knownEnding());
        assertTrue(process.knownEnding().contains("SIGKILL"), process::knownEnding);
    }

    @Test
    void aKillForTheLimitOfItsGroupIsToldAndTheGroupRemoved() throws IOException {
        FakeKernel kernel = new FakeKernel(directory.resolve("kernel"));
        Path own = kernel.serverIn("box");
        MemoryLimit limit = kernel.memoryGroups().limit(64 << 20);
        limit.apply(program.pid());
        process = process(Optional.of(limit));
        Path group = group(own).orElseThrow();

        process.lookAtMemory();
        assertTrue(program.isAlive(), "the system looks after it");
        kernel.events(group, 1, 1);
        kernel.empty(group);
        program.destroyForcibly();

        assertEquals("was ended by the system, because it needed more memory than 64 MiB, its limit",
                process.ending().text());
        assertEquals(Optional.empty(), group(own));
    }

    private static Optional<Path> group(Path own) throws IOException {
        try (Stream<Path> files = Files.list(own)) {
            return files.filter(each -> each.getFileName().toString().startsWith("nereid-worker-")).findFirst();
        }
    }

    static Stream<byte[]> whatCantBeUsed() {
        return Stream.of(new byte[]{127, 0, 0, 0}, new byte[]{-1, -1, -1, -1}, new byte[]{0, 0, 0, 2, 99, 99},
                new byte[]{0, 0, 0, 0},
                frame(Control.Frame.class, new Control.Tell(new Control.CallEnd(1, Optional.empty()))));
    }

    @ParameterizedTest
    @MethodSource("whatCantBeUsed")
    void isEndedAtOnce(byte[] bytes) throws Exception {
        CountDownLatch ended = new CountDownLatch(1);
        Both control = connect(Hello.CONTROL);
        process.connected(control.server(), ended::countDown);
        try (SocketChannel worker = control.worker()) {
            write(worker, bytes);

            assertTrue(ended.await(LIMIT_SECONDS, TimeUnit.SECONDS));
            assertEquals("was ended, because it sent what can't be used", process.ending().text());
            assertFalse(program.isAlive());
            assertTrue(worker.read(ByteBuffer.allocate(1)) < 0, "the connection is closed");
            assertFalse(process.enter(), "nobody uses its memory any more");
        }
    }

    /** An instance that is being created when the process ends is told what any request is. */
    @Test
    void aLaneThatCannotBeOpenedAnyMoreTellsWhy() throws Exception {
        Both control = connect(Hello.CONTROL);
        process.connected(control.server(), () -> {
        });
        process.end("was ended, because it occupied too much");
        control.worker().close();

        InferenceException failure = assertThrows(InferenceException.class, () -> process.openLane(1, "instance"));

        assertEquals("model 'm' version 1: its process was ended, because it occupied too much", failure.getMessage());
    }

    @Test
    void isAskedNothingThatAServerIsNotAskedFor() throws Exception {
        Both control = connect(Hello.CONTROL);
        process.connected(control.server(), () -> {
        });
        try (Connection worker = new Connection(control.worker())) {
            write(control.worker(), frame(Control.Frame.class, new Control.Ask(5, new Control.Exit())));
            Control.Frame answer = RecordCodec.read(Control.Frame.class, worker.receive());
            assertTrue(answer instanceof Control.Answer(long id, Control.Failing failing) && id == 5
                    && failing.failure().code() == StatusCode.INTERNAL, answer::toString);
        }
    }

    @ParameterizedTest
    @MethodSource("whatCantBeUsed")
    void isEndedForWhatALaneBrings(byte[] bytes) throws Exception {
        Both lane = connect(1);
        try (SocketChannel worker = lane.worker(); LaneConnection server = new LaneConnection(process, lane.server())) {
            write(worker, bytes);
            InferenceException failure = assertThrows(InferenceException.class,
                    () -> server.call(new Lane.Close(1), Optional.empty()));
            assertEquals(StatusCode.UNAVAILABLE, failure.code());
            assertEquals("model 'm' version 1: its process was ended, because it sent what can't be used",
                    failure.getMessage());
            assertFalse(program.isAlive());
        }
    }

    @Test
    void whoDoesNotKnowTheTokenIsTurnedAway() throws Exception {
        CompletableFuture<Connection> expected = reception.expect(new Hello("token", 1));
        for (Hello wrong : new Hello[]{new Hello("tokem", 1), new Hello("token", 2), new Hello("", 1)}) {
            try (SocketChannel stranger = SocketChannel.open(UnixDomainSocketAddress.of(reception.path()))) {
                write(stranger, frame(Hello.class, wrong));
                assertTrue(stranger.read(ByteBuffer.allocate(1)) < 0, "the connection is closed");
            }
        }
        assertFalse(expected.isDone());
    }
}

package dev.nereid.cache.redis;

import dev.nereid.backend.api.testkit.Eventually;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;

/** A real Redis server of the machine's own, without files, on a free port of the loopback interface. */
final class RedisProcess implements AutoCloseable {
    private static final String COMMAND = "redis-server";

    private final int port;
    private final List<String> flags;
    private Process process;

    private RedisProcess(int port, List<String> flags, Process process) {
        this.port = port;
        this.flags = flags;
        this.process = process;
    }

    /** Starts a server; skips the test, and says so, where none is installed. */
    static RedisProcess start(String... flags) throws Exception {
        if (Stream.of(System.getenv("PATH").split(":", -1)).noneMatch(each -> Files.isExecutable(
                Path.of(each, COMMAND)))) {
            System.out.println("The Redis cache is not tested: there is no " + COMMAND
                    + " on the PATH; install Debian's package redis-server.");
            Assumptions.abort(COMMAND + " is not installed");
        }
        int port;
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = socket.getLocalPort();
        }
        RedisProcess redis = new RedisProcess(port, List.of(flags), launch(port, List.of(flags)));
        redis.awaitPort();
        return redis;
    }

    private static Process launch(int port, List<String> flags) throws IOException {
        List<String> command = new ArrayList<>(List.of(COMMAND, "--port", Integer.toString(port), "--bind",
                "127.0.0.1", "--save", "", "--appendonly", "no"));
        command.addAll(flags);
        return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
    }

    private void awaitPort() throws Exception {
        Eventually.until("redis-server listens", () -> {
            if (!process.isAlive()) {
                throw new AssertionError("redis-server ended with " + process.exitValue());
            }
            try {
                new Socket(InetAddress.getLoopbackAddress(), port).close();
                return true;
            } catch (IOException e) {
                return false;
            }
        });
    }

    int port() {
        return port;
    }

    /** Ends the server; its port stays free. */
    void kill() {
        process.destroyForcibly();
        try {
            if (!process.waitFor(30, TimeUnit.SECONDS)) {
                throw new AssertionError("redis-server does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while redis-server ends", e);
        }
    }

    /** Starts the server again, empty, on the same port. */
    void restart() throws Exception {
        process = launch(port, flags);
        awaitPort();
    }

    /** Has the server take connections and requests, but answer none, until {@link #thaw}. */
    void freeze() throws Exception {
        signal("-STOP");
    }

    void thaw() throws Exception {
        signal("-CONT");
    }

    private void signal(String name) throws Exception {
        Process kill = new ProcessBuilder("kill", name, Long.toString(process.pid())).inheritIO().start();
        if (!kill.waitFor(10, TimeUnit.SECONDS) || kill.exitValue() != 0) {
            throw new AssertionError("kill " + name + " failed");
        }
    }

    @Override
    public void close() {
        kill();
    }
}

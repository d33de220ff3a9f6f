package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
final class OtherServerTest {
    private final HttpServer server;
    private final Set<String> models = ConcurrentHashMap.newKeySet();
    private volatile boolean loads = true;
    private final Children children = new Children();

    OtherServerTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v2/", this::answer);
        server.start();
    }

    @AfterEach
    void close() {
        server.stop(0);
    }

    private void answer(HttpExchange exchange) throws IOException {
        String[] path = exchange.getRequestURI().getPath().split("/", -1);
        boolean isLoad = path[path.length - 1].equals("load");
        if (isLoad && loads) {
            models.add(path[path.length - 2]);
        }
        boolean isOk = path[2].equals("health") || (isLoad ? loads : models.contains(path[path.length - 2]));
        byte[] body = (isOk ? "" : "{\"error\":\"no\"}").getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(isOk ? 200 : 400, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private OtherServer.Address address() {
        return new OtherServer.Address(server.getAddress().getPort(), 0, OptionalLong.empty());
    }

    private Yardstick.Target prepare(BenchCase benchCase, OtherServer other) {
        return other.prepare(benchCase,
                new LoadGenerator.Request("/v2/models/" + benchCase.id() + "/infer", Path.of("body"), 0, false), () -> {
                    throw new AssertionError("the server's answer is of no use");
                });
    }

    @Test
    void loadsTheModelThatItDoesNotServe() {
        try (OtherServer other = OtherServer.find(children, address())) {
            Yardstick.Target target = prepare(BenchCase.ENSEMBLE_BINARY, other);

            assertEquals(Set.of("identity-binary", "ensemble-binary"), models);
            assertEquals("/v2/models/ensemble-binary/infer", target.request().path());
            assertEquals(address(), target.endpoint());
            assertTrue(target.figures().isEmpty());
            assertFalse(target.isJvm());
        }
    }

    @Test
    void saysWhereTheModelsComeFrom() {
        loads = false;
        try (OtherServer other = OtherServer.find(children, address())) {
            assertEquals(
                    """
                            the other server does not serve the model 'mlp', and does not load it: /v2/repository/models/mlp/load was \
                            answered with 400 {"error":"no"}
                            Give it the directory that 'nereid bench --write-models=<directory>' writes as its model repository.""",
                    assertThrows(BenchException.class, () -> prepare(BenchCase.MLP, other)).getMessage());
            models.add("mlp");
            assertEquals(address(), prepare(BenchCase.MLP, other).endpoint());
        }
    }

    @Test
    void refusesWhatIsNoServerAndNoProcess() {
        assertEquals("the figures of process 2147483647 can't be read: /proc/2147483647/stat",
                assertThrows(BenchException.class, () -> OtherServer.find(children,
                        new OtherServer.Address(address().port(), 0, OptionalLong.of(Integer.MAX_VALUE))))
                        .getMessage());
        OtherServer.Address gone = address();
        server.stop(0);
        assertThrows(BenchException.class, () -> OtherServer.find(children, gone));
    }
}

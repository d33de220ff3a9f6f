package dev.nereid.benchmark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.nereid.backend.api.testkit.Eventually;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Against a server that answers what it is sent, until it is told not to. */
@Timeout(60)
final class SoakLoadTest {
    private static final int ENOUGH = 300;

    /** What the server does wrong. */
    private enum Fault {
        NONE, OTHER_BYTES, NOT_A_NUMBER, NO_REFUSAL, OTHER_REFUSAL
    }

    private final HttpServer server;
    private final ExecutorService executor = Executors.newVirtualThreadPerTaskExecutor();
    private final Set<String> models = ConcurrentHashMap.newKeySet();
    private final ServerClient client;
    private volatile Fault fault = Fault.NONE;

    SoakLoadTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/v2/models/", this::answer);
        server.setExecutor(executor);
        server.start();
        client = new ServerClient(server.getAddress().getPort(), () -> "");
    }

    @AfterEach
    void close() {
        client.close();
        server.stop(0);
        executor.close();
    }

    private void answer(HttpExchange exchange) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        models.add(exchange.getRequestURI().getPath().split("/", -1)[3]);
        String jsonLength = exchange.getRequestHeaders().getFirst(ServerClient.JSON_LENGTH);
        int jsonEnd = jsonLength == null ? body.length : Integer.parseInt(jsonLength);
        String json = new String(body, 0, jsonEnd, StandardCharsets.US_ASCII);
        boolean isWrong = !json.endsWith("}") || json.contains("[1,17]") || json.contains("OTHER");
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        if (isWrong && fault != Fault.NO_REFUSAL) {
            answer.writeBytes("{\"error\":\"no\"}".getBytes(StandardCharsets.US_ASCII));
        } else if (jsonLength == null) {
            String data = json.replaceFirst("(?s).*\"data\"", "");
            answer.writeBytes(("{\"outputs\":[{\"data\"" + data).getBytes(StandardCharsets.US_ASCII));
        } else {
            answer.writeBytes(new byte[]{'{', '}'});
            answer.writeBytes(Arrays.copyOfRange(body, jsonEnd, body.length));
            exchange.getResponseHeaders().add(ServerClient.JSON_LENGTH, "2");
        }
        byte[] bytes = answer.toByteArray();
        if (fault == Fault.OTHER_BYTES) {
            bytes[bytes.length - 3] ^= 0x40;
        }
        if (fault == Fault.NOT_A_NUMBER) {
            bytes[bytes.length - 1] = 0x7f;
            bytes[bytes.length - 2] = (byte) 0xc0;
        }
        int refusal = fault == Fault.OTHER_REFUSAL ? 500 : 400;
        exchange.sendResponseHeaders(isWrong && fault != Fault.NO_REFUSAL ? refusal : 200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }

    private SoakLoad load(List<SoakRequest> mix) {
        return SoakLoad.start(client, mix, 2000, 2, Optional::empty, 3600);
    }

    @Test
    void sendsAllKindsAndFindsTheRightAnswersRight() {
        List<SoakRequest> mix = SoakRequest.mix(client);
        models.clear();
        SoakLoad load = load(mix);
        try (load) {
            Eventually.until("answers", () -> load.answered() >= ENOUGH);
        }

        assertEquals(Optional.empty(), load.firstProblem());
        assertEquals(0, load.wrong());
        assertEquals(100, mix.stream().mapToInt(SoakRequest::share).sum());
        assertTrue(models.containsAll(Set.of("identity-binary", "identity-json", "image-binary", "mlp")),
                models::toString);
    }

    private String firstProblem(SoakRequest request, Fault because) {
        assertEquals(Optional.empty(), request.send(client));
        fault = because;
        return request.send(client).orElseThrow();
    }

    private SoakRequest request(String name) {
        return SoakRequest.mix(client).stream().filter(each -> each.name().startsWith(name)).findFirst().orElseThrow();
    }

    @Test
    void noticesAnotherElementInBinary() {
        assertEquals(
                "identity-binary: the answer has 66 bytes and is another one from byte 63 on, expected the 66 bytes"
                        + " of the first answer",
                firstProblem(request("identity-binary"), Fault.OTHER_BYTES));
    }

    @Test
    void noticesAnotherElementInJson() {
        String problem = firstProblem(request("identity-json"), Fault.OTHER_BYTES);

        assertTrue(problem.startsWith("identity-json: the answer has "), problem);
    }

    @Test
    void noticesAnotherElementThatWasComputed() {
        String problem = firstProblem(request("mlp"), Fault.OTHER_BYTES);

        assertTrue(problem.matches("mlp: element 127 is .*, expected 0\\..*"), problem);
    }

    @Test
    void whatIsNoNumberIsNoRightAnswer() {
        String problem = firstProblem(request("mlp"), Fault.NOT_A_NUMBER);

        assertTrue(problem.startsWith("mlp: element 127 is NaN, expected 0."), problem);
    }

    @Test
    void wrongRequestsAreToBeRefused() {
        String problem = firstProblem(request("a request without"), Fault.NO_REFUSAL);

        assertTrue(problem.startsWith("a request without the model's input: answered with 200, expected 400: {"),
                problem);
    }

    @Test
    void wrongRequestsAreNoFaultOfTheServer() {
        assertEquals("a request that is no JSON: answered with 500, expected 400: {\"error\":\"no\"}",
                firstProblem(request("a request that is no JSON"), Fault.OTHER_REFUSAL));
    }

    @Test
    void doesNotStartFromAWrongAnswer() {
        fault = Fault.OTHER_BYTES;

        assertEquals("the model 'identity-binary' does not answer what it is sent",
                assertThrows(BenchException.class, () -> SoakRequest.mix(client)).getMessage());
    }

    @Test
    void countsWhatIsWrongAndKeepsTheFirst() {
        SoakLoad load = load(SoakRequest.mix(client));
        try (load) {
            Eventually.until("answers", () -> load.answered() >= 10);
            assertEquals(0, load.wrong());
            server.stop(0);
            Eventually.until("wrong answers", () -> load.wrong() >= 10);
        }

        assertTrue(load.firstProblem().orElseThrow().contains(" was not answered: "), load.firstProblem()::toString);
        assertTrue(load.wrong() < load.answered());
    }

    @Test
    void countsWhatGoesWrongBeside() {
        SoakLoad load = SoakLoad.start(client, SoakRequest.mix(client), 1, 1, () -> Optional.of("no load"), 0.001);
        try (load) {
            Eventually.until("wrong answers", () -> load.wrong() >= 2);
        }

        assertEquals(Optional.of("no load"), load.firstProblem());
    }
}

package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.grpc.MethodDescriptor;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCalls;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class LoadProcessTest {
    @TempDir
    Path directory;

    private static String[] run(String lines) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        LoadProcess.run(new BufferedReader(new StringReader(lines)),
                new PrintStream(out, true, StandardCharsets.UTF_8));
        return out.toString(StandardCharsets.UTF_8).split("[\t\n]", -1);
    }

    private String line(int port, int jsonLength) throws IOException {
        return line("http", port, jsonLength, 100);
    }

    private String line(String protocol, int port, int jsonLength, int millis) throws IOException {
        Path body = Files.writeString(directory.resolve("body"), "{}xyz");
        return protocol + "\t" + port + "\t/v2/models/m/infer\t" + body + "\t" + jsonLength + "\t2\t0\t" + millis
                + "\n";
    }

    @Test
    void saysWhatItMeasured() throws IOException {
        try (StubServer server = StubServer.start(_ -> StubServer.Reply.ok(StubServer.OUTPUTS))) {
            String[] fields = run(line(Target.parse(server.url(), 8000, List.of()).port(), 2));

            assertEquals("ok", fields[0]);
            assertTrue(Long.parseLong(fields[2]) > 0 && Long.parseLong(fields[1]) >= Long.parseLong(fields[2]));
            assertEquals("0", fields[3]);
            assertTrue(Long.parseLong(fields[4]) >= 100_000_000);
            assertTrue(Long.parseLong(fields[5]) > 0 && Long.parseLong(fields[6]) >= Long.parseLong(fields[5]));
            String head = server.inferHeads.getFirst();
            assertTrue(
                    head.contains("Content-Length: 5\r\n") && head.contains("Inference-Header-Content-Length: 2\r\n"),
                    head);
        }
    }

    @Test
    void countsWhatFails() throws IOException {
        try (StubServer server = StubServer.start(_ -> StubServer.Reply.error(503, "busy"))) {
            String[] fields = run(line(Target.parse(server.url(), 8000, List.of()).port(), 0));

            assertEquals("0", fields[2]);
            assertTrue(Long.parseLong(fields[3]) > 0);
            assertEquals("the server answered 503: busy", fields[8]);
        }
    }

    @Test
    void sendsCallsOverGrpc() throws Exception {
        List<byte[]> received = new CopyOnWriteArrayList<>();
        MethodDescriptor<byte[], byte[]> infer = GrpcServer.INFER;
        Server server = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                .addService(ServerServiceDefinition.builder(String.valueOf(infer.getServiceName())).addMethod(infer,
                        ServerCalls.asyncUnaryCall((request, answer) -> {
                            received.add(request);
                            answer.onNext(request);
                            answer.onCompleted();
                        })).build())
                .build().start();
        try {
            String[] fields = run(line("grpc", server.getPort(), 0, 2000));

            assertEquals("ok", fields[0], String.join(" ", fields));
            assertEquals("0", fields[3]);
            assertTrue(Long.parseLong(fields[2]) > 0);
            assertEquals("{}xyz", new String(received.getFirst(), StandardCharsets.UTF_8));
        } finally {
            server.shutdownNow();
        }
    }

    @Test
    void goesOnAfterALineThatItCanNotFollow() throws IOException {
        String[] fields = run("hello\nhttp\t1\t/\t" + directory.resolve("none") + "\t0\t1\t0\t1\n");

        assertEquals("error", fields[0]);
        assertEquals("expected 8 fields, got 1", fields[1]);
        assertEquals("error", fields[2]);
    }
}

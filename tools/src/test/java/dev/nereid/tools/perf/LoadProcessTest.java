package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
        Path body = Files.writeString(directory.resolve("body"), "{}xyz");
        return port + "\t/v2/models/m/infer\t" + body + "\t" + jsonLength + "\t2\t0\t100\n";
    }

    @Test
    void saysWhatItMeasured() throws IOException {
        try (StubServer server = StubServer.start(_ -> StubServer.Reply.ok(StubServer.OUTPUTS))) {
            String[] fields = run(line(Target.parse(server.url(), List.of()).port(), 2));

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
            String[] fields = run(line(Target.parse(server.url(), List.of()).port(), 0));

            assertEquals("0", fields[2]);
            assertTrue(Long.parseLong(fields[3]) > 0);
            assertEquals("the server answered 503: busy", fields[8]);
        }
    }

    @Test
    void goesOnAfterALineThatItCanNotFollow() throws IOException {
        String[] fields = run("hello\n1\t/\t" + directory.resolve("none") + "\t0\t1\t0\t1\n");

        assertEquals("error", fields[0]);
        assertEquals("expected 7 fields, got 1", fields[1]);
        assertEquals("error", fields[2]);
    }
}

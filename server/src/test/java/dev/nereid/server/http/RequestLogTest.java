package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;

/** What the log says about requests where it is verbose. */
@Isolated("logging is the same for the whole process")
@Timeout(60)
class RequestLogTest {
    private static final String NUMBERS = ", (\\d+) bytes, \\d+\\.\\d{3} ms";

    private final Logger logger = Logger.getLogger(HttpFrontEnd.class.getName());
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord entry) {
            lines.add(entry.getMessage());
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    };
    private TestServer server;

    @BeforeEach
    void start(@TempDir Path directory) {
        server = TestServer.start(directory);
        logger.addHandler(handler);
        logger.setLevel(Level.FINE);
    }

    @AfterEach
    void stop() {
        logger.removeHandler(handler);
        logger.setLevel(null);
        server.close();
    }

    /** The line follows the answer. */
    private String line() throws InterruptedException {
        String line = lines.poll(30, TimeUnit.SECONDS);
        assertNotNull(line);
        return line;
    }

    private static long bytes(String line, String start, String end) {
        Matcher matcher = Pattern.compile(Pattern.quote(start) + NUMBERS + end).matcher(line);
        assertTrue(matcher.matches(), line);
        return Long.parseLong(matcher.group(1));
    }

    @Test
    void hasOneLineForEachRequest() throws Exception {
        int length = server.post("/v2/models/batched/infer", TestServer.inferBody("")).body().length();
        assertTrue(bytes(line(), "HTTP request: POST /v2/models/batched/infer, 200", "") > length);

        assertEquals(200, server.get("/v2/health/live").status());
        assertTrue(bytes(line(), "HTTP request: GET /v2/health/live, 200", "") > 0);

        assertEquals(404, server.get("/nowhere").status());
        assertTrue(bytes(line(), "HTTP request: GET /nowhere, 404", "") > 0);
        assertTrue(lines.isEmpty());
    }

    @Test
    void theLineOfAFailureSaysWhy() throws Exception {
        assertEquals(404, server.get("/v2/models/none").status());

        assertTrue(bytes(line(), "HTTP request: GET /v2/models/none, 404",
                ": Request for unknown model: 'none' is not found") > 0);
        assertTrue(lines.isEmpty());
    }

    @Test
    void nothingIsWrittenWhereItIsNotAskedFor() throws Exception {
        logger.setLevel(Level.INFO);
        assertEquals(200, server.get("/v2/health/live").status());
        assertEquals(404, server.get("/v2/models/none").status());
        logger.setLevel(Level.FINE);
        assertEquals(200, server.get("/v2/health/ready").status());

        assertTrue(line().startsWith("HTTP request: GET /v2/health/ready, 200"));
        assertNull(lines.poll());
    }
}

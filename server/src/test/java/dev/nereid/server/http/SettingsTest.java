package dev.nereid.server.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.http.RawClient.Answer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Trace and log settings, and what tracing writes, over a socket. */
class SettingsTest {
    private static final String INFER = "/v2/models/batched/infer";
    private static final List<String> POINTS = List.of("HTTP_RECV_START", "HTTP_RECV_END", "REQUEST_START",
            "QUEUE_START", "INFER_RESPONSE_COMPLETE", "COMPUTE_START", "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START",
            "COMPUTE_END", "REQUEST_END", "HTTP_SEND_START", "HTTP_SEND_END");

    @TempDir
    private Path directory;

    @Test
    void writesTheTracesOfTheRequestsThatItCounts() throws IOException {
        Path file = directory.resolve("trace.json");
        try (TestServer server = TestServer.start(directory, "--trace-config=triton,file=" + file,
                "--trace-config=level=TIMESTAMPS", "--trace-config=rate=1", "--trace-config=count=2")) {
            for (int i = 0; i < 3; i++) {
                assertEquals(200, server.post(INFER, TestServer.inferBody("")).status());
            }
            assertEquals("{\"trace_level\":[\"TIMESTAMPS\"],\"trace_rate\":\"1\",\"trace_count\":\"0\","
                    + "\"log_frequency\":\"0\",\"trace_file\":\"" + file + "\",\"trace_mode\":\"triton\"}",
                    server.get("/v2/trace/setting").body());
        }
        String text = Files.readString(file);
        for (String id : List.of("1", "2")) {
            List<String> names = Pattern
                    .compile("\\{\"id\":" + id + ",\"timestamps\":\\[\\{\"name\":\"(\\w+)\",\"ns\":\\d+}]}")
                    .matcher(text).results().map(match -> match.group(1)).toList();
            assertEquals(POINTS, names);
            assertTrue(text.contains("{\"id\":" + id + ",\"model_name\":\"batched\",\"model_version\":1}"), text);
        }
        assertFalse(text.contains("\"id\":3"), text);
    }

    @Test
    void writesTensors() throws IOException {
        Path file = directory.resolve("trace.json");
        try (TestServer server = TestServer.start(directory, "--trace-file=" + file, "--trace-level=TENSORS",
                "--trace-rate=1", "--trace-log-frequency=1")) {
            server.post(INFER, TestServer.inferBody(""));
            server.post("/v2/models/text/generate", "{\"INPUT0\":\"hello\"}");
        }
        assertEquals("[{\"id\":1,\"model_name\":\"batched\",\"model_version\":1},"
                + "{\"id\":1,\"activity\":\"TENSOR_QUEUE_INPUT\",\"tensor\":{\"name\":\"INPUT0\","
                + "\"data\":\"1.0,2.0,3.0,4.0\",\"shape\":\"1,4\",\"dtype\":\"FP32\"}},"
                + "{\"id\":1,\"activity\":\"TENSOR_BACKEND_OUTPUT\",\"tensor\":{\"name\":\"OUTPUT0\","
                + "\"data\":\"1.0,2.0,3.0,4.0\",\"shape\":\"1,4\",\"dtype\":\"FP32\"}}]",
                Files.readString(directory.resolve("trace.json.0")));
        assertTrue(Files.readString(directory.resolve("trace.json.1")).contains("\"data\":\"hello\""));
    }

    @Test
    void changesTraceSettings() {
        try (TestServer server = TestServer.start(directory, "--trace-config=triton,file=" + directory.resolve("t"))) {
            String path = "/v2/trace/setting";
            String model = "/v2/models/batched/trace/setting";
            assertTrue(server.post(path, "{\"trace_level\":[\"TENSORS\",\"TIMESTAMPS\",\"X\"],\"trace_rate\":\"7\"}")
                    .body().startsWith("{\"trace_level\":[\"TIMESTAMPS\",\"TENSORS\"],\"trace_rate\":\"7\","));
            assertTrue(server.post(model, "{\"trace_level\":[\"OFF\"],\"trace_count\":\"3\"}").body()
                    .startsWith("{\"trace_level\":[\"OFF\"],\"trace_rate\":\"7\",\"trace_count\":\"3\","));
            assertTrue(server.get(path).body().startsWith("{\"trace_level\":[\"TIMESTAMPS\",\"TENSORS\"],"));
            assertEquals(server.get(path).body(),
                    server.post(model, "{\"trace_level\":null,\"trace_count\":null}").body());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{\"trace_file\":\"x\"}|501|trace file location can not be updated through network protocol",
        "{\"trace_level\":[\"OFF\",\"TENSORS\"]}|400|Expect only one trace level 'OFF' is specified",
        "{\"trace_level\":[\"TENSORS\"]}|400|Attempting to set invalid trace setting :trace file name is not given",
        "{\"trace_level\":\"OFF\"}|400|attempt to access JSON non-array as array",
        "{\"trace_rate\":7}|400|attempt to access JSON non-string as string",
        "{\"trace_rate\":\"x\"}|400|Unable to parse 'trace_rate', got: x",
        "{\"log_frequency\":\"99999999999\"}|400|Unable to parse 'log_frequency', value is out of range [ 0, 4294967295 ], got: 99999999999",
        "{\"trace_count\":\"2147483648\"}|400|Unable to parse 'trace_count', value is out of range [ -1, 2147483647 ], got: 2147483648",
        "{\"trace_count\":\"-2\"}|400|Unable to parse 'trace_count'. Expecting value >= -1, got:-2",
        "`` |400|failed to parse the request JSON buffer: The document is empty. at 0"})
    void refusesWrongTraceSettings(String body, int status, String text) {
        try (TestServer server = TestServer.start(directory)) {
            Answer answer = server.post("/v2/trace/setting", body == null ? "" : body.strip());

            assertEquals(status, answer.status());
            assertEquals("{\"error\":\"" + text + "\"}", answer.body());
            assertEquals("Request for unknown model : nope", server.get("/v2/models/nope/trace/setting").body()
                    .replaceAll("\\{\"error\":\"(.*)\"}", "$1"));
        }
    }

    @Test
    void changesLogSettings() {
        try (TestServer server = TestServer.start(directory, "--log-info=false")) {
            String path = "/v2/logging";
            assertEquals("{\"log_file\":\"\",\"log_info\":false,\"log_warning\":true,\"log_error\":true,"
                    + "\"log_verbose_level\":0,\"log_format\":\"default\"}", server.get(path).body());

            Answer changed = server.post(path, "{\"log_info\":true,\"log_error\":false,\"log_warning\":null,"
                    + "\"log_verbose_level\":2,\"log_format\":\"ISO8601\",\"other\":[]}");
            assertEquals("{\"log_file\":\"\",\"log_info\":true,\"log_warning\":true,\"log_error\":false,"
                    + "\"log_verbose_level\":2,\"log_format\":\"ISO8601\"}", changed.body());
            assertEquals(2, server.logOptions().verboseLevel());
            assertTrue(server.logOptions().isIso8601());

            assertEquals("{\"error\":\"log file location can not be updated through network protocol\"}",
                    server.post(path, "{\"log_file\":\"x\",\"log_info\":false}").body());
            assertEquals(503, server.post(path, "{\"log_info\":false,\"log_format\":\"xml\"}").status());
            assertEquals(400, server.post(path, "{\"log_info\":\"yes\"}").status());
            assertEquals(400, server.post(path, "{\"log_verbose_level\":-1}").status());
            assertTrue(server.logOptions().info());
        }
    }
}

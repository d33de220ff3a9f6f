package dev.nereid.server.protocol;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.json.JsonWriter;
import dev.nereid.json.TextWindow;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole exchanges that the recordings do not hold. */
class InferExchangeTest {
    private static final int LIMIT = 1 << 20;
    private static final String INPUT = "{\"inputs\":[{\"name\":\"INPUT0\",";

    private final IdentityServer server = new IdentityServer(SharedMemoryRegions.NONE, LIMIT);
    private final IdentityServer throughWindow = new IdentityServer(SharedMemoryRegions.NONE, LIMIT,
            TextWindow.MIN_LENGTH);

    private String infer(String model, String body) {
        return infer(GoldenModels.get(model), body.getBytes(ISO_8859_1), Optional.empty()).body();
    }

    private IdentityServer.Answer infer(ModelConfig model, byte[] body, Optional<String> headerLength) {
        IdentityServer.Answer answer = server.infer(model, body, headerLength, Optional.empty());
        assertEquals(answer, throughWindow.infer(model, body, headerLength, Optional.empty()),
                () -> "through a window: " + new String(body, ISO_8859_1));
        return answer;
    }

    private static String data(String shape, String type, String data) {
        return INPUT + "\"shape\":" + shape + ",\"datatype\":\"" + type + "\",\"data\":" + data + "}]}";
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', textBlock = """
            t_fp32;   [1];  FP32;  1;                 Unable to parse 'data': attempt to access JSON non-array as array
            t_fp32;   [1];  FP32;  [1,2];             Unable to parse 'data': Shape does not match true shape of 'data' field
            t_fp32;   [2];  FP32;  [1];               Failed to parse 'data' field: shape does not match true shape
            t_fp32;   [1];  FP32;  [{}];              Unable to parse 'data': attempt to access JSON non-number as double
            t_fp32;   [1];  FP33;  [1];               invalid datatype for input INPUT0
            t_bool;   [1];  BOOL;  [1];               Unable to parse 'data': attempt to access JSON non-boolean as boolean
            t_int8;   [1];  INT8;  [1.0];             Unable to parse 'data': attempt to access JSON non-signed-integer as signed-integer
            t_bf16;   [1];  BF16;  [1];               receiving BF16 data via JSON is not supported. Please use the binary data format for input INPUT0
            t_fp32;   [18446744073709551615]; FP32; [1]; invalid shape for input 'INPUT0': shape [-1] contains one or more invalid dimensions
            t_fp32;   [4294967296,4294967296]; FP32; [1]; invalid shape for input 'INPUT0': shape [4294967296,4294967296] causes total element count to exceed maximum size of 9223372036854775807
            t_fp32;   [300000]; FP32; [1];            JSON input 'INPUT0' has a byte_size (1200000 bytes) that exceeds the maximum allowed value of 1048576 bytes. Use --http-max-input-size to increase the limit.
            t_fp32;   [-1]; FP32;  [1];               Unable to parse 'shape': attempt to access JSON non-unsigned-integer as unsigned-integer
            t_string; [2];  BYTES; ["a"];             [request id: <id_unknown>] expected 2 string elements for inference input 'INPUT0' for model 't_string', got 1
            t_string; [1];  BYTES; ["a","b"];         [request id: <id_unknown>] unexpected number of string elements 2 for inference input 'INPUT0' for model 't_string', expecting 1
            """)
    void refusesData(String model, String shape, String type, String data, String message) {
        assertEquals(new String(new JsonWriter().error(message).toByteArray(), ISO_8859_1),
                infer(model, data(shape, type, data)));
    }

    @Test
    void readsEveryNesting() {
        assertTrue(infer("t_int32", data("[6]", "INT32", "[1,[[2],[]],[[3,4]],5,[6]]")).contains("[1,2,3,4,5,6]"));
        assertTrue(infer("t_string", data("[3]", "BYTES", "[[\"a\"],\"\\u00e9\",[[\"c\"]]]")).contains("\"a\",\"Ã©\""));
        assertTrue(infer("t_fp32", data("[0]", "FP32", "7")).contains("\"shape\":[0],\"data\":[]"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', textBlock = """
            BOOL;   true,false, true
            UINT8;  0,255,7
            INT16;  -32768,0,3
            INT32;  -1,2147483647,0
            UINT64; 18446744073709551615,0,1
            INT64;  -9223372036854775808,0,1
            FP32;   1.5,-0.333333333333333333333333333333333333333333333,3e-5
            FP32;   NaN,-Infinity,Inf
            FP64;   1.5,12345678901234567890123456789012345678901234567890e-7,3E+5
            BYTES;  "a","words \\u00e9\\ud83d\\ude00 and \\"more\\" words, of more than a window","\\n"
            """)
    void readsAcrossTheBordersOfAWindow(String type, String values) {
        String model = "t_" + (type.equals("BYTES") ? "string" : type.toLowerCase(Locale.ROOT));
        for (int spaces = 0; spaces < 40; spaces++) {
            String space = " ".repeat(spaces);
            String flat = "[" + space + values.replaceAll("(?<!words),", space + "," + space) + "]";

            assertTrue(infer(model, data("[3]", type, flat)).contains("\"shape\":[3]"), flat);
            assertTrue(infer(model, data("[6]", type, "[[" + values + "]" + space + "," + flat + "]"))
                    .contains("\"shape\":[6]"));
        }
        String many = (values + ",").repeat(1_000);
        assertTrue(infer(model, data("[3000]", type, "[" + many.substring(0, many.length() - 1) + "]"))
                .contains("\"shape\":[3000]"));
    }

    @Test
    void limitsTheNestingOfData() {
        String limit = "JSON nesting depth exceeds maximum allowed limit (100)";

        assertTrue(infer("t_fp32", data("[1]", "FP32", "[".repeat(99) + "1" + "]".repeat(99))).contains("1.0"));
        assertEquals("{\"error\":\"Unable to parse 'data': " + limit + "\"}",
                infer("t_fp32", data("[1]", "FP32", "[".repeat(100) + "1" + "]".repeat(100))));
        assertEquals("{\"error\":\"" + limit + "\"}",
                infer("t_string", data("[1]", "BYTES", "[".repeat(101) + "]".repeat(101))));
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', quoteCharacter = '`', textBlock = """
            "shared_memory_region":"r","classification":1;   Output can't set both 'shared_memory_region' and 'classification'
            "shared_memory_region":"r","binary_data":true;   Output can't set both 'shared_memory_region' and 'binary_data'
            "shared_memory_region":"r";                      Unable to find shared memory region: 'r'
            "shared_memory_region":1;                        Unable to parse 'shared_memory_region': attempt to access JSON non-string as string
            """)
    void refusesOutputs(String parameters, String message) {
        String body = data("[1]", "FP32", "[1]").replaceFirst("}$",
                ",\"outputs\":[{\"name\":\"OUTPUT0\",\"parameters\":{" + parameters + "}}]}");

        assertEquals("{\"error\":\"" + message + "\"}", infer("t_fp32", body));
    }

    @Test
    void classifiesInBinary() {
        String body = data("[3]", "FP32", "[1,NaN,2]").replaceFirst("}$", ",\"outputs\":[{\"name\":\"OUTPUT0\","
                + "\"parameters\":{\"classification\":18446744073709551615,\"binary_data\":true}}]}");

        assertTrue(infer("t_fp32", body).endsWith("\u0005\0\0\0nan:1\n\0\0\0" + "2.000000:2\n\0\0\0" + "1.000000:0"));
    }

    @Test
    void readsGenerateRequests() {
        assertEquals("{\"error\":\"Converting keyword: 'parameters': parameter 'a' has invalid type. "
                + "It should be either 'int', 'bool', or 'string'.\"}",
                generate("ident_text", "{\"parameters\":{\"a\":[]}}"));
        assertEquals("{\"error\":\"Expected JSON object for keyword: 'parameters': "
                + "attempt to access JSON non-object as object\"}", generate("ident_text", "{\"parameters\":1}"));
        assertEquals("{\"OUTPUT0\":\"x\",\"model_name\":\"ident_text\",\"model_version\":\"1\"}",
                generate("ident_text", "{\"parameters\":{\"INPUT0\":\"x\",\"t\":1.5}}"));
        assertEquals("{\"OUTPUT0\":[1.0,2.0,3.0,4.0],\"model_name\":\"ident_dyn\",\"model_version\":\"1\"}",
                generate("ident_dyn", "{\"INPUT0\":[1,2,3,4]}"));
    }

    private String generate(String model, String body) {
        return server.generate(GoldenModels.get(model), body.getBytes(ISO_8859_1)).body();
    }

    /** Only coded errors may come out, whatever comes in; {@link IdentityServer} lets all others through. */
    @Test
    void survivesMutatedRequests() {
        Random random = new Random(7);
        List<Recording> recordings = Recording.load("explicit_all").stream()
                .filter(recording -> GoldenModels.find(recording.model()).isPresent() && !recording.body().isEmpty())
                .filter(recording -> recording.path().contains("/infer") || recording.path().contains("/generate"))
                .toList();
        int answered = 0;
        for (int i = 0; i < 100_000; i++) {
            Recording recording = recordings.get(random.nextInt(recordings.size()));
            byte[] body = mutate(recording.bodyBytes(), random);
            var config = GoldenModels.get(recording.model());
            var headerLength = recording.header("Inference-Header-Content-Length");
            var answer = recording.path().contains("/generate")
                    ? server.generate(config, body)
                    : i % 8 == 0
                            ? infer(config, body, headerLength)
                            : server.infer(config, body, headerLength, Optional.empty());
            answered += answer.status() == 200 ? 1 : 0;
        }
        assertTrue(answered > 1000);
    }

    private static byte[] mutate(byte[] original, Random random) {
        List<String> pieces = List.of("[", "]", "{", "}", "\"", ",", ":", "-", "1e999", "null", "18446744073709551615",
                "\\u0000", "\\", "\0", "[[[[", "NaN", "0.1e-5", "\"data\":[1],", "true", "Inf",
                "1234567890123456789012");
        byte[] bytes = original;
        for (int edits = 1 + random.nextInt(3); edits > 0; edits--) {
            int from = random.nextInt(bytes.length + 1);
            int to = Math.min(bytes.length, from + (random.nextBoolean() ? 0 : random.nextInt(6)));
            byte[] piece = random.nextInt(4) == 0
                    ? new byte[]{(byte) random.nextInt(256)}
                    : pieces.get(random.nextInt(pieces.size())).getBytes(ISO_8859_1);
            List<byte[]> parts = new ArrayList<>(
                    List.of(Arrays.copyOf(bytes, from), piece, Arrays.copyOfRange(bytes, to, bytes.length)));
            int size = parts.stream().mapToInt(part -> part.length).sum();
            byte[] joined = new byte[size];
            int at = 0;
            for (byte[] part : parts) {
                System.arraycopy(part, 0, joined, at, part.length);
                at += part.length;
            }
            bytes = joined;
        }
        return bytes;
    }
}

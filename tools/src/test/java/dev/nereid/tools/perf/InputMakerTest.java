package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.DataType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class InputMakerTest {
    private static final InputSource RANDOM = new InputSource.Random(7);

    @TempDir
    Path directory;

    private static ModelDescription model(int maxBatchSize, DataType type, Long... dims) {
        return new ModelDescription("m", maxBatchSize,
                List.of(new TensorDescription("IN", type, List.of(dims), false)), false, false);
    }

    private static List<List<InputTensor>> make(ModelDescription model, InputSource source, int batchSize,
            Map<String, List<Long>> shapes) {
        return new InputMaker(model, source, new Shapes(shapes), batchSize, 5).make();
    }

    private static InputTensor only(List<List<InputTensor>> requests) {
        assertEquals(1, requests.size());
        assertEquals(1, requests.getFirst().size());
        return requests.getFirst().getFirst();
    }

    private InputSource file(String json) throws IOException {
        return new InputSource.File(Files.writeString(directory.resolve("in.json"), json));
    }

    private List<List<InputTensor>> fromFile(ModelDescription model, int batchSize, String json) throws IOException {
        return make(model, file(json), batchSize, Map.of());
    }

    private String refusal(ModelDescription model, int batchSize, String json) throws IOException {
        InputSource file = file(json);
        String message = String.valueOf(
                assertThrows(PerfException.class, () -> make(model, file, batchSize, Map.of())).getMessage());
        return message.substring(message.indexOf(": ") + 2);
    }

    @ParameterizedTest
    @EnumSource(DataType.class)
    void makesRandomAndZeroInputsOfEveryDatatype(DataType type) {
        ModelDescription model = model(8, type, 3L, 2L);
        int elements = 2 * 3 * 2;

        InputTensor random = only(make(model, RANDOM, 2, Map.of()));
        InputTensor zero = only(make(model, new InputSource.Zero(), 2, Map.of()));

        assertEquals(List.of(2L, 3L, 2L), random.shape());
        assertEquals(random.shape(), zero.shape());
        int randomSize = type == DataType.BYTES ? 4 + 5 : type.byteSize();
        int zeroSize = type == DataType.BYTES ? 4 : type.byteSize();
        assertEquals(elements * randomSize, random.bytes().length);
        assertArrayEquals(new byte[elements * zeroSize], zero.bytes());
        assertArrayEquals(random.bytes(), only(make(model, RANDOM, 2, Map.of())).bytes(), "a seed decides everything");
    }

    @Test
    void makesRandomNumbersThatModelsCanTake() {
        ByteBuffer floats = ByteBuffer.wrap(only(make(model(0, DataType.FP32, 1000L), RANDOM, 1, Map.of())).bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        while (floats.hasRemaining()) {
            float value = floats.getFloat();
            assertTrue(value >= 0 && value <= 1, "value: " + value);
        }
        ByteBuffer longs = ByteBuffer.wrap(only(make(model(0, DataType.INT64, 1000L), RANDOM, 1, Map.of())).bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        while (longs.hasRemaining()) {
            long value = longs.getLong();
            assertTrue(value >= 0 && value < 128, "value: " + value);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            BOOL   | true,0              | 0100
            UINT8  | 0,255               | 00ff
            UINT16 | 1,65535             | 0100ffff
            UINT32 | 1,4294967295        | 01000000ffffffff
            UINT64 | 18446744073709551615| ffffffffffffffff
            INT8   | -128,127            | 807f
            INT16  | -2,2                | feff0200
            INT32  | -2,2                | feffffff02000000
            INT64  | -2                  | feffffffffffffff
            FP16   | 1,-2.5              | 003c00c1
            BF16   | 1,-2.5              | 803f20c0
            FP32   | 1,0.5               | 0000803f0000003f
            FP64   | 1                   | 000000000000f03f
            BYTES  | "ab",""             | 02000000616200000000
            """)
    void readsElementsOfEveryDatatype(DataType type, String elements, String hex) throws IOException {
        InputTensor tensor = only(
                fromFile(model(0, type, -1L), 1, "{\"data\":[{\"IN\":[" + elements.strip() + "]}]}"));

        assertEquals(hex, HexFormat.of().formatHex(tensor.bytes()));
        assertEquals(List.of((long) elements.split(",", -1).length), tensor.shape());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            UINT8 | 256   | 256 is not in the range from 0 to 255
            INT8  | -129  | -129 is not in the range from -128 to 127
            BOOL  | 2     | 2 is not in the range from 0 to 1
            INT32 | 1.5   | attempt to access JSON non-signed-integer as signed-integer
            FP32  | "x"   | attempt to access JSON non-number as double
            BYTES | 1     | attempt to access JSON non-string as string
            """)
    void refusesElementsOfAnotherDatatype(DataType type, String element, String reason) throws IOException {
        assertEquals("entry 0: element 0 is not of datatype " + type + ": " + reason,
                refusal(model(0, type, 1L), 1, "{\"data\":[{\"IN\":[" + element.strip() + "]}]}"));
    }

    @Test
    void readsNestedArraysContentWithShapeAndBase64() throws IOException {
        ModelDescription model = model(4, DataType.UINT8, -1L, -1L);
        String json = """
                {"data":[{"IN":{"content":[[1,2],[3,4]],"shape":[2,2]}},
                         [{"IN":{"content":{"b64":"AQIDBA=="},"shape":[1,4]}}]]}""";

        List<List<InputTensor>> requests = fromFile(model, 1, json);

        assertEquals(2, requests.size());
        assertEquals(List.of(1L, 2L, 2L), requests.get(0).getFirst().shape());
        assertEquals(List.of(1L, 1L, 4L), requests.get(1).getFirst().shape());
        assertArrayEquals(new byte[]{1, 2, 3, 4}, requests.get(0).getFirst().bytes());
        assertArrayEquals(new byte[]{1, 2, 3, 4}, requests.get(1).getFirst().bytes());
    }

    @Test
    void takesTheNextEntriesForEachBatch() throws IOException {
        String json = "{\"data\":[{\"IN\":[1]},{\"IN\":[2]},{\"IN\":[3]}]}";

        List<List<InputTensor>> requests = fromFile(model(8, DataType.UINT8, 1L), 2, json);

        assertEquals(3, requests.size());
        assertArrayEquals(new byte[]{1, 2}, requests.get(0).getFirst().bytes());
        assertArrayEquals(new byte[]{3, 1}, requests.get(1).getFirst().bytes());
        assertArrayEquals(new byte[]{2, 3}, requests.get(2).getFirst().bytes());
        assertEquals(List.of(2L, 1L), requests.get(0).getFirst().shape());
    }

    @Test
    void sendsOptionalInputsOnlyWhenTheyAreGiven() throws IOException {
        ModelDescription model = new ModelDescription("m", 0,
                List.of(new TensorDescription("IN", DataType.UINT8, List.of(1L), false),
                        new TensorDescription("MORE", DataType.UINT8, List.of(1L), true)),
                false, false);

        assertEquals(1, make(model, RANDOM, 1, Map.of()).getFirst().size());
        assertEquals(2, fromFile(model, 1, "{\"data\":[{\"IN\":[1],\"MORE\":[2]}]}").getFirst().size());
    }

    @Test
    void explainsFilesThatDoNotFit() throws IOException {
        ModelDescription model = model(8, DataType.UINT8, 2L);

        assertEquals("entry 1: input 'IN' has 3 elements, its shape is [2]",
                refusal(model, 1, "{\"data\":[{\"IN\":[1,2]},{\"IN\":[1,2,3]}]}"));
        assertEquals("entry 0: input 'IN' is missing", refusal(model, 1, "{\"data\":[{}]}"));
        assertEquals("entry 0: model 'm' has no input 'X'; its inputs are IN",
                refusal(model, 1, "{\"data\":[{\"X\":[1]}]}"));
        assertEquals("'data' has no entry", refusal(model, 1, "{\"data\":[]}"));
        assertEquals("'validation_data' is not supported, expected 'data' only",
                refusal(model, 1, "{\"data\":[],\"validation_data\":[]}"));
        assertEquals("entry 0: input 'IN' has the shape [2] (without the batch), which [3] does not fit",
                refusal(model, 1, "{\"data\":[{\"IN\":{\"content\":[1,2,3],\"shape\":[3]}}]}"));
    }

    @Test
    void saysWhenTheFileIsNotThere() {
        InputSource file = new InputSource.File(directory.resolve("none.json"));

        var failure = assertThrows(PerfException.class,
                () -> make(model(0, DataType.UINT8, 1L), file, 1, Map.of()));

        assertEquals("there is no file " + directory.resolve("none.json"), failure.getMessage());
    }

    @Test
    void wantsToKnowSizesThatTheModelLeavesOpen() {
        ModelDescription model = model(0, DataType.UINT8, -1L, 3L);

        var failure = assertThrows(PerfException.class, () -> make(model, RANDOM, 1, Map.of()));
        assertEquals("input 'IN' has the shape [-1,3]; say which sizes to use with --shape IN:<size>,3",
                failure.getMessage());
        assertEquals(List.of(2L, 3L), only(make(model, RANDOM, 1, Map.of("IN", List.of(2L, 3L)))).shape());
    }

    @Test
    void refusesShapesAndBatchesThatTheModelDoesNotTake() {
        ModelDescription model = model(4, DataType.UINT8, 3L);

        assertEquals("input 'IN' has the shape [3] (without the batch), which [4] does not fit",
                assertThrows(PerfException.class, () -> make(model, RANDOM, 1, Map.of("IN", List.of(4L))))
                        .getMessage());
        assertEquals("model 'm' has no input 'X', which --shape names; its inputs are IN",
                assertThrows(PerfException.class, () -> make(model, RANDOM, 1, Map.of("X", List.of(4L))))
                        .getMessage());
        assertEquals("model 'm' takes batches of at most 4, -b is 5",
                assertThrows(PerfException.class, () -> make(model, RANDOM, 5, Map.of())).getMessage());
        assertEquals("model 'm' takes no batches, so -b must be 1",
                assertThrows(PerfException.class, () -> make(model(0, DataType.UINT8, 3L), RANDOM, 2, Map.of()))
                        .getMessage());
    }

    private static String request(boolean isBinaryInput, boolean isBinaryOutput, InputTensor... inputs) {
        RequestEncoder encoder = new RequestEncoder(new Target("h", 1, List.of("A: b")), "/v2/models/m/infer",
                isBinaryInput, isBinaryOutput);
        return new String(encoder.encode(List.of(inputs)), StandardCharsets.ISO_8859_1);
    }

    @Test
    void encodesBinaryRequests() {
        InputTensor a = new InputTensor("A", DataType.UINT8, List.of(1L, 2L), new byte[]{65, 66});
        InputTensor b = new InputTensor("B", DataType.BYTES, List.of(1L), new byte[]{1, 0, 0, 0, 90});
        String json = """
                {"parameters":{"binary_data_output":true},"inputs":[\
                {"name":"A","shape":[1,2],"datatype":"UINT8","parameters":{"binary_data_size":2}},\
                {"name":"B","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":5}}]}""";

        assertEquals(
                "POST /v2/models/m/infer HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Type: application/octet-stream\r\n"
                        + "Content-Length: " + (json.length() + 7) + "\r\nInference-Header-Content-Length: "
                        + json.length()
                        + "\r\n\r\n" + json + "AB\u0001\0\0\0Z",
                request(true, true, a, b));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            BOOL   | 0001             | false,true
            UINT8  | ff               | 255
            UINT16 | ffff             | 65535
            UINT32 | ffffffff         | 4294967295
            UINT64 | ffffffffffffffff | 18446744073709551615
            INT8   | ff               | -1
            INT16  | feff             | -2
            INT32  | feffffff         | -2
            INT64  | feffffffffffffff | -2
            FP32   | cdcccc3d0000803f | 0.1,1.0
            FP64   | 9a9999999999b93f | 0.1
            BYTES  | 020000006122     | "a\\""
            """)
    void encodesElementsAsJson(DataType type, String hex, String elements) {
        InputTensor tensor = new InputTensor("A", type, List.of(1L), HexFormat.of().parseHex(hex.strip()));

        String text = request(false, false, tensor);

        assertEquals("{\"inputs\":[{\"name\":\"A\",\"shape\":[1],\"datatype\":\"" + type + "\",\"data\":["
                + elements.strip() + "]}]}", text.substring(text.indexOf("\r\n\r\n") + 4));
    }

    @Test
    void saysThatJsonCannotCarryHalfPrecision() {
        InputTensor tensor = new InputTensor("A", DataType.BF16, List.of(1L), new byte[2]);

        var failure = assertThrows(PerfException.class, () -> request(false, false, tensor));

        assertEquals(
                "input 'A' has the datatype BF16, which JSON can't carry; use --input-tensor-format=binary, or -i grpc",
                failure.getMessage());
    }
}

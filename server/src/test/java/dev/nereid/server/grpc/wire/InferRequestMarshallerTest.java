package dev.nereid.server.grpc.wire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.memory.BufferPool;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class InferRequestMarshallerTest {
    private static final long MAX_IN_USE = 64 << 20;
    private static final String ALL_FIELDS = """
            0a 05 'model' 12 01 '2' 1a 02 'id'
            22 0a 0a 04 'flag' 12 02 08 01
            22 0c 0a 06 'number' 12 02 10 07
            22 0c 0a 04 'text' 12 04 1a 02 'ab'
            22 11 0a 04 'real' 12 09 21 00 00 00 00 00 00 f8 3f
            22 0c 0a 06 'large1' 12 02 28 08
            22 06 0a 04 'none'
            2a 1e 0a 02 'IN' 12 04 'FP32' 1a 0b 02 ff ff ff ff ff ff ff ff ff 01 22 05 0a 01 'p' 12 00
            32 0e 0a 03 'OUT' 12 07 0a 01 'c' 12 02 10 02
            3a 04 01 02 03 04
            3a 00
            """.replace("\n", " ");

    @AutoClose
    private final BufferPool pool = new BufferPool(MAX_IN_USE, 1 << 20);
    private final InferRequestMarshaller marshaller = new InferRequestMarshaller(pool, () -> {
    });

    @AfterEach
    void allMemoryIsBack() {
        assertEquals(0, pool.inUseBytes());
    }

    private InferMessage parse(String bytes, int bufferSize) {
        return marshaller.parse(new TransportStream(WireBytes.of(bytes), bufferSize));
    }

    private static byte[] bytes(MemorySegment segment) {
        return segment.toArray(ValueLayout.JAVA_BYTE);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 7, 64, 4096})
    void readsAllFieldsHoweverTheTransportDividesThem(int bufferSize) {
        try (InferMessage message = parse(ALL_FIELDS, bufferSize)) {
            assertTrue(message.failure().isEmpty(), () -> message.failure().toString());
            InferMessage.Fields fields = message.fields();
            assertEquals("model", fields.modelName());
            assertEquals("2", fields.modelVersion());
            assertEquals("id", fields.id());
            assertEquals(Map.of("flag", new WireParameter.Value(Parameter.of(true)), "number",
                    new WireParameter.Value(Parameter.of(7)), "text", new WireParameter.Value(Parameter.of("ab")),
                    "real",
                    new WireParameter.Value(Parameter.of(1.5)), "large1", new WireParameter.Unsigned(8), "none",
                    WireParameter.NONE), fields.parameters());
            InferMessage.Input input = fields.inputs().getFirst();
            assertEquals("IN", input.name());
            assertEquals("FP32", input.datatype());
            assertArrayEquals(new long[]{2, -1}, input.shape());
            assertEquals(Map.of("p", WireParameter.NONE), input.parameters());
            assertTrue(input.contents().isEmpty());
            InferMessage.Output output = fields.outputs().getFirst();
            assertEquals("OUT", output.name());
            assertEquals(Map.of("c", new WireParameter.Value(Parameter.of(2))), output.parameters());
            assertArrayEquals(new byte[]{1, 2, 3, 4}, bytes(fields.rawContents().get(0)));
            assertEquals(0, fields.rawContents().get(1).byteSize());
            assertEquals(2, fields.rawContents().size());
        }
    }

    @Test
    void rawContentsMayComeBeforeOtherFields() {
        try (InferMessage message = parse("3a 02 01 02 0a 01 'm' 3a 01 03 1a 01 'i'", 3)) {
            assertEquals("m", message.fields().modelName());
            assertEquals("i", message.fields().id());
            assertArrayEquals(new byte[]{1, 2}, bytes(message.fields().rawContents().get(0)));
            assertArrayEquals(new byte[]{3}, bytes(message.fields().rawContents().get(1)));
        }
    }

    @Test
    void largeTensorsStartAtWholeCacheLines() {
        String tensor = "3a 41" + " 07".repeat(65);
        try (InferMessage message = parse("0a 01 'm' 3a 01 01" + tensor + tensor, 10)) {
            for (MemorySegment raw : message.fields().rawContents().subList(1, 3)) {
                assertEquals(0, raw.address() % 64);
                assertEquals(65, raw.byteSize());
                assertEquals(7, raw.get(ValueLayout.JAVA_BYTE, 64));
            }
        }
    }

    @Test
    void anEmptyMessageHasNoFields() {
        try (InferMessage message = parse("", 1)) {
            assertTrue(message.failure().isEmpty());
            assertEquals(InferMessage.Fields.EMPTY, message.fields());
        }
    }

    @Test
    void unknownFieldsAreSkipped() {
        try (InferMessage message = parse("40 07 49 00 00 00 00 00 00 00 00 55 00 00 00 00 5a 02 'xy' 0a 01 'm'", 5)) {
            assertTrue(message.failure().isEmpty());
            assertEquals("m", message.fields().modelName());
        }
    }

    @Test
    void ofAParameterGivenTwiceTheLastCounts() {
        try (InferMessage message = parse("22 07 0a 01 'p' 12 02 10 01 22 07 0a 01 'p' 12 02 10 02", 100)) {
            assertEquals(Map.of("p", new WireParameter.Value(Parameter.of(2))), message.fields().parameters());
        }
    }

    @ParameterizedTest
    @CsvSource({"BOOL, 0a 03 01 00 05, 01 00 01", "BOOL, 08 01 08 00, 01 00",
        "INT, 12 0b 02 ff ff ff ff ff ff ff ff ff 01, 02 00 00 00 ff ff ff ff",
        "INT, 10 03 12 01 04, 03 00 00 00 04 00 00 00",
        "INT64, 1a 01 02, 02 00 00 00 00 00 00 00", "UINT, 22 02 ac 02, 2c 01 00 00",
        "UINT64, 28 01, 01 00 00 00 00 00 00 00", "FP32, 32 04 00 00 80 3f, 00 00 80 3f",
        "FP32, 35 00 00 80 3f, 00 00 80 3f",
        "FP64, 3a 08 00 00 00 00 00 00 f0 3f, 00 00 00 00 00 00 f0 3f",
        "FP64, 39 00 00 00 00 00 00 f0 3f, 00 00 00 00 00 00 f0 3f",
        "BYTES, 42 02 'ab' 42 00, 02 00 00 00 'ab' 00 00 00 00"})
    void readsTypedContents(ContentList list, String contents, String expected) {
        byte[] length = {(byte) WireBytes.of(contents).length};
        String field = "2a %02x 2a %02x".formatted(length[0] + 2, length[0]);
        try (InferMessage message = parse(field + contents, 4)) {
            TensorContents typed = message.fields().inputs().getFirst().contents().orElseThrow();
            for (ContentList each : ContentList.values()) {
                assertArrayEquals(each == list ? WireBytes.of(expected) : new byte[0], bytes(typed.elements(each)));
            }
        }
    }

    @Test
    void anEmptyContentsFieldIsSeen() {
        try (InferMessage message = parse("2a 02 2a 00", 4)) {
            assertTrue(message.fields().inputs().getFirst().contents().isPresent());
        }
    }

    @Test
    void contentsGivenTwiceAreJoined() {
        try (InferMessage message = parse("2a 0a 2a 03 1a 01 01 2a 03 1a 01 02", 100)) {
            TensorContents typed = message.fields().inputs().getFirst().contents().orElseThrow();
            assertArrayEquals(WireBytes.of("01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00"),
                    bytes(typed.elements(ContentList.INT64)));
        }
    }

    @ParameterizedTest
    @CsvSource({"ff ff ff ff, it ends inside a field", "0a 05 'mod', 'field 1 has length 5, but only 3 bytes follow'",
        "0a ff ff ff ff ff ff ff ff ff 01 'm', 'field 1 has length 18446744073709551615, but only 1 bytes follow'",
        "08 01, 'field 1 has wire type 0, expected 2'", "38 01, 'field 7 has wire type 0, expected 2'",
        "0b 0c, 'field 1 has wire type 3, which the protocol does not have'",
        "43 43 43, 'field 8 has wire type 3, which the protocol does not have'",
        "0f, 'field 1 has wire type 7, which the protocol does not have'", "02 00, a field has number 0",
        "fa ff ff ff ff 01 00, a field's number is too large", "0a 01 ff, field 1 is not UTF-8",
        "0a 03 ed a0 80, field 1 is not UTF-8", "0a ff ff ff ff ff ff ff ff ff ff 01, an integer has more than 64 bits",
        "40 ff ff ff ff ff ff ff ff ff ff 01, an integer has more than 64 bits",
        "2a 03 0a 05 'a', 'field 1 has length 5, but only 1 bytes follow'",
        "2a 02 12 00 2a 01 0a, it ends inside a field",
        "2a 04 2a 02 12 01, 'field 2 has length 1, but only 0 bytes follow'",
        "2a 06 2a 04 12 02 01 ff, a packed list ends inside a number",
        "2a 02 2a 01, 'field 5 has length 1, but only 0 bytes follow'",
        "2a 07 2a 05 32 03 00 00 80, a packed list of numbers of 4 bytes has 3 bytes",
        "2a 06 2a 04 09 00 00 00, 'field 1 has wire type 1, expected 0'",
        "22 04 12 02 09 01, 'field 1 has wire type 1, expected 0'"})
    void refusesWhatIsNoMessage(String bytes, String reason) {
        for (int bufferSize : new int[]{1, 3, 1000}) {
            InferenceException failure = parse(bytes.replace('"', '\''), bufferSize).failure().orElseThrow();
            assertEquals(StatusCode.INTERNAL, failure.code());
            assertEquals("Unable to parse request: " + reason, failure.getMessage());
        }
    }

    @Test
    void refusesMoreTensorsThanAnyModelHas() {
        for (String field : new String[]{"2a 00", "32 00", "3a 00"}) {
            String most = field.repeat(InferMessageReader.MAX_TENSORS);
            try (InferMessage message = parse(most, 1 << 20)) {
                assertTrue(message.failure().isEmpty());
            }
            assertTrue(parse(most + field, 1 << 20).failure().orElseThrow().getMessage().contains("more than 16384"));
        }
    }

    @Test
    void refusesMoreParametersAndDimensionsThanMakeSense() {
        String parameter = "22 00";
        try (InferMessage message = parse(parameter.repeat(InferMessageReader.MAX_PARAMETERS), 1 << 20)) {
            assertTrue(message.failure().isEmpty());
        }
        assertTrue(parse(parameter.repeat(InferMessageReader.MAX_PARAMETERS + 1), 1 << 20).failure().orElseThrow()
                .getMessage().contains("more than 16384 parameters"));
        // 4097 dimensions, packed and one by one.
        assertTrue(parse("2a 84 20 1a 81 20" + "01".repeat(4097), 1 << 20).failure().orElseThrow().getMessage()
                .contains("more than 4096 dimensions"));
        assertTrue(parse("2a 82 40" + "18 01".repeat(4097), 1 << 20).failure().orElseThrow().getMessage()
                .contains("more than 4096 dimensions"));
    }

    @Test
    void textIsBoundedAndCounted() throws IOException {
        ByteArrayOutputStream message = new ByteArrayOutputStream();
        message.write(WireBytes.of("0a 80 80 40"));
        message.write(new byte[1 << 20]);
        byte[] once = message.toByteArray();
        try (InferMessage read = marshaller.parse(new TransportStream(once, 1 << 20))) {
            assertTrue(read.failure().isEmpty());
            assertTrue(pool.inUseBytes() >= 2 << 20, () -> "in use: " + pool.inUseBytes());
        }
        for (int i = 0; i < 16; i++) {
            message.write(once);
        }
        assertTrue(marshaller.parse(new TransportStream(message.toByteArray(), 1 << 20)).failure().orElseThrow()
                .getMessage().contains("more than 16777216 bytes of text"));
    }

    @Test
    void aFullPoolIsToldAsUnavailable() {
        pool.reserve(MAX_IN_USE);
        InferenceException failure = parse(ALL_FIELDS, 100).failure().orElseThrow();
        pool.unreserve(MAX_IN_USE);
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @Test
    void theTransportsBytesAreNoLongerCountedWhenMemoryIsTaken() {
        pool.reserve(MAX_IN_USE);
        InferRequestMarshaller handingOver = new InferRequestMarshaller(pool, () -> pool.unreserve(MAX_IN_USE));
        try (InferMessage message = handingOver.parse(new TransportStream(WireBytes.of(ALL_FIELDS), 100))) {
            assertTrue(message.failure().isEmpty());
        }
    }

    private static byte[] gzip(byte[] message) throws IOException {
        ByteArrayOutputStream compressed = new ByteArrayOutputStream();
        try (OutputStream gzip = new GZIPOutputStream(compressed)) {
            gzip.write(message);
        }
        return compressed.toByteArray();
    }

    @Test
    void readsCompressedMessages() throws IOException {
        ByteArrayOutputStream plain = new ByteArrayOutputStream();
        plain.write(WireBytes.of(ALL_FIELDS));
        plain.write(WireBytes.of("3a 80 80 08"));
        byte[] tensor = new byte[1 << 17];
        tensor[tensor.length - 1] = 9;
        plain.write(tensor);
        try (InferMessage message = marshaller
                .parse(new GZIPInputStream(new ByteArrayInputStream(gzip(plain.toByteArray()))))) {
            assertEquals("model", message.fields().modelName());
            assertArrayEquals(tensor, bytes(message.fields().rawContents().get(2)));
        }
    }

    @Test
    void anInflatedMessageIsCountedWhileItGrows() throws IOException {
        byte[] bomb = gzip(new byte[(int) MAX_IN_USE + (1 << 20)]);
        InferenceException failure = marshaller.parse(new GZIPInputStream(new ByteArrayInputStream(bomb))).failure()
                .orElseThrow();
        assertEquals(StatusCode.UNAVAILABLE, failure.code());
    }

    @Test
    void aBrokenCompressedMessageIsRefused() throws IOException {
        byte[] compressed = gzip(WireBytes.of(ALL_FIELDS));
        byte[] half = java.util.Arrays.copyOf(compressed, compressed.length / 2);
        InferenceException failure = marshaller.parse(new GZIPInputStream(new ByteArrayInputStream(half))).failure()
                .orElseThrow();
        assertEquals("Unable to parse request: it can't be decompressed", failure.getMessage());
        assertFalse(failure.getMessage().contains("Exception"));
    }
}

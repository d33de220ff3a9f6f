package dev.nereid.server.grpc;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.TextFormat;
import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.sharedmemory.SharedRange;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.grpc.wire.InferRequestMarshaller;
import dev.nereid.server.v2.OutputChoice;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.io.ByteArrayInputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InferDecoderTest {
    private static final String INPUT = "inputs { name: 'IN' datatype: 'FP32' shape: 1 ";

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 20, 1 << 16);
    private final InferRequestMarshaller marshaller = new InferRequestMarshaller(pool, () -> {
    });

    @AfterEach
    void allMemoryIsBack() {
        assertEquals(0, pool.inUseBytes());
    }

    private interface Check {
        void look(InferDecoder.Decoded decoded);
    }

    private void decode(String text, SharedMemoryRegions regions, Map<String, Parameter> forwarded, Check check) {
        ModelInferRequest.Builder request = ModelInferRequest.newBuilder();
        try {
            TextFormat.merge("model_name: 'm' " + text, request);
        } catch (TextFormat.ParseException e) {
            throw new AssertionError(e);
        }
        try (InferMessage message = marshaller.parse(new ByteArrayInputStream(request.build().toByteArray()))) {
            assertTrue(message.failure().isEmpty());
            check.look(new InferDecoder(message.fields(), message.scope(), regions).decode(forwarded));
        }
    }

    private void decode(String text, Check check) {
        decode(text, SharedMemoryRegions.NONE, Map.of(), check);
    }

    private String refused(String text) {
        return String.valueOf(assertThrows(InferenceException.class, () -> decode(text, _ -> {
        })).getMessage());
    }

    private static byte[] data(RequestData request, int input) {
        return request.inputs().get(input).data().toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void rawContentsServeTheInputsInTheirOrder() {
        decode("id: 'i' inputs { name: 'A' datatype: 'INT8' shape: [2, -1] } inputs { name: 'B' datatype: 'X' } "
                + "raw_input_contents: ['\\001\\002', 'b', 'surplus']", decoded -> {
                    RequestData request = decoded.request();
                    assertEquals("i", request.id());
                    assertEquals(Optional.of(DataType.INT8), request.inputs().get(0).dataType());
                    assertArrayEquals(new long[]{2, -1}, request.inputs().get(0).dimensions());
                    assertArrayEquals(new byte[]{1, 2}, data(request, 0));
                    assertEquals(Optional.empty(), request.inputs().get(1).dataType());
                    assertArrayEquals(new byte[]{'b'}, data(request, 1));
                });
    }

    @ParameterizedTest
    @CsvSource({"BOOL, bool_contents: [true], 01", "INT8, 'int_contents: [-1, 300]', ff2c",
        "INT16, int_contents: [-70000], 90ee",
        "INT32, int_contents: [-2], feffffff", "INT64, int64_contents: [1], 0100000000000000",
        "UINT8, uint_contents: [511], ff",
        "UINT16, uint_contents: [4294967295], ffff", "UINT32, uint_contents: [7], 07000000",
        "UINT64, uint64_contents: [1], 0100000000000000", "FP32, fp32_contents: [1], 0000803f",
        "FP64, fp64_contents: [1], 000000000000f03f", "BYTES, 'bytes_contents: [''a'', '''']', 010000006100000000",
        "FP32, '', ''"})
    void typedContentsBecomeTheBytesOfTheirDatatype(String type, String contents, String expected) {
        decode("inputs { name: 'IN' datatype: '" + type + "' contents { " + (contents == null ? "" : contents) + " } }",
                decoded -> assertEquals(expected == null ? "" : expected,
                        java.util.HexFormat.of().formatHex(data(decoded.request(), 0))));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "} | unable to find data for input tensor 'IN' for model 'm' in request.",
        "contents {} } raw_input_contents: 'x' | contents field must not be specified when using raw_input_contents for 'IN' for model 'm'",
        "contents { int_contents: 1 } } | unexpected explicit tensor data for input tensor 'IN' for model 'm' of type 'INT32', expected datatype 'FP32'",
        "contents { fp32_contents: 1 uint_contents: 1 } } | unexpected explicit tensor data for input tensor 'IN' for model 'm' of type 'UINT32', expected datatype 'FP32'",
        "contents { fp32_contents: 1 fp64_contents: 1 } } | unexpected explicit tensor data for input tensor 'IN' for model 'm', binary data was already supplied.",
        "} inputs { name: 'IN' } id: 'x' | [request id: x] input 'IN' already exists in request",
        "} outputs { name: 'O' } outputs { name: 'O' } | [request id: <id_unknown>] output 'O' already exists in request",
        "parameters { key: 'shared_memory_region' value { int64_param: 5 } } } | invalid value type for 'shared_memory_region' parameter for tensor 'IN', expected string_param.",
        "parameters { key: 'shared_memory_region' value { string_param: 'r' } } } | 'shared_memory_byte_size' must be specified along with 'shared_memory_region' parameter for tensor 'IN'",
        "parameters { key: 'shared_memory_offset' value { int64_param: 0 } } } | 'shared_memory_offset' can not be specified without 'shared_memory_region' parameter for tensor 'IN'",
        "parameters { key: 'shared_memory_byte_size' value { int64_param: 0 } } } | 'shared_memory_byte_size' can not be specified without 'shared_memory_region' parameter for tensor 'IN'",
        "parameters { key: 'shared_memory_region' value { string_param: 'r' } } parameters { key: 'shared_memory_byte_size' value { bool_param: true } } } | invalid value type for 'shared_memory_byte_size' parameter for tensor 'IN', expected int64_param.",
        "parameters { key: 'shared_memory_region' value { string_param: 'r' } } parameters { key: 'shared_memory_byte_size' value { int64_param: 4 } } contents {} } | unexpected 'content' provided when using shared memory for input tensor 'IN' for model 'm'",
        "} outputs { name: 'O' parameters { key: 'classification' value { int64_param: 0 } } } raw_input_contents: 'x' | invalid value for 'classification' parameter, expected >= 0",
        "} outputs { name: 'O' parameters { key: 'classification' value { string_param: '1' } } } raw_input_contents: 'x' | invalid value type for 'classification' parameter, expected int64_param",
        "} outputs { name: 'O' parameters { key: 'classification' value { int64_param: 1 } } parameters { key: 'shared_memory_region' value { string_param: 'r' } } parameters { key: 'shared_memory_byte_size' value { int64_param: 4 } } } raw_input_contents: 'x' | output can't set both 'shared_memory_region' and 'classification'"})
    void refusesWithTheTextOfTheReference(String rest, String expected) {
        assertEquals(expected, refused(INPUT + rest));
    }

    @Test
    void aSecondListIsOneTooMany() {
        assertEquals("unexpected explicit tensor data for input tensor 'IN' for model 'm', binary data was already "
                + "supplied.",
                refused("inputs { name: 'IN' datatype: 'BOOL' contents { bool_contents: true int_contents: 1 } }"));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "sequence_id | bool_param: true | invalid value type for 'sequence_id' parameter, expected int64_param or string_param.",
        "sequence_id | uint64_param: 1 | invalid value type for 'sequence_id' parameter, expected int64_param or string_param.",
        "sequence_start | int64_param: 1 | invalid value type for 'sequence_start' parameter, expected bool_param.",
        "sequence_end | string_param: 'true' | invalid value type for 'sequence_end' parameter, expected bool_param.",
        "priority | int64_param: -1 | invalid value for 'priority', expected value >= 0.",
        "priority | string_param: '1' | invalid value type for 'priority' parameter, expected int64_param or uint64_param.",
        "timeout | uint64_param: 1 | invalid value type for 'timeout' parameter, expected int64_param.",
        "triton_enable_empty_final_response | int64_param: 1 | invalid value type for 'triton_enable_empty_final_response' parameter, expected bool_param.",
        "triton_foo | int64_param: 1 | parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with 'triton_' are allowed: triton_enable_empty_final_response",
        "k | uint64_param: 1 | invalid value type for 'k' parameter, expected int64_param, bool_param, or string_param.",
        "k | '' | invalid value type for 'k' parameter, expected int64_param, bool_param, or string_param."})
    void refusesParametersOfTheWrongKind(String name, String value, String expected) {
        assertEquals(expected,
                refused("parameters { key: '" + name + "' value { " + (value.equals("''") ? "" : value) + " } }"));
    }

    @Test
    void parametersMeanWhatTheyAreNamed() {
        decode("parameters { key: 'sequence_id' value { int64_param: -5 } } parameters { key: 'sequence_start' value { bool_param: true } } "
                + "parameters { key: 'sequence_end' value { bool_param: true } } parameters { key: 'priority' value { uint64_param: 3 } } "
                + "parameters { key: 'timeout' value { int64_param: 9 } } parameters { key: 'a' value { double_param: 1.5 } } "
                + "parameters { key: 'headers' value { string_param: 'h' } } "
                + "parameters { key: 'triton_enable_empty_final_response' value { bool_param: true } }", decoded -> {
                    RequestData request = decoded.request();
                    assertEquals(new CorrelationId.Numeric(-5), request.correlationId());
                    assertTrue(request.isSequenceStart() && request.isSequenceEnd() && decoded.wantsEmptyFinal());
                    assertEquals(3, request.priority());
                    assertEquals(9, request.timeoutMicros());
                    assertEquals(Map.of("a", Parameter.of(1.5), "headers", Parameter.of("h")), request.parameters());
                });
        decode("parameters { key: 'sequence_id' value { string_param: 'abc' } }",
                decoded -> assertEquals(new CorrelationId.Text("abc"), decoded.request().correlationId()));
    }

    @Test
    void headersReplaceParameters() {
        decode("parameters { key: 'x' value { string_param: 'message' } }", SharedMemoryRegions.NONE,
                Map.of("x", Parameter.of("header"), "y", Parameter.of("new")),
                decoded -> assertEquals(Map.of("x", Parameter.of("header"), "y", Parameter.of("new")),
                        decoded.request().parameters()));
    }

    @Test
    void anInputInSharedMemoryIsCopiedAndTakesNoRawContents() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment shared = arena.allocate(8);
            shared.set(ValueLayout.JAVA_BYTE, 4, (byte) 7);
            SharedMemoryRegions regions = (region, offset, byteSize) -> {
                assertEquals("r", region);
                return SharedRange.of(shared.asSlice(offset, byteSize));
            };
            decode("inputs { name: 'A' datatype: 'INT8' shape: 4 parameters { key: 'shared_memory_region' value { string_param: 'r' } } "
                    + "parameters { key: 'shared_memory_offset' value { int64_param: 4 } } "
                    + "parameters { key: 'shared_memory_byte_size' value { int64_param: 4 } } } "
                    + "inputs { name: 'B' datatype: 'INT8' shape: 1 } raw_input_contents: 'b'", regions, Map.of(),
                    decoded -> {
                        shared.fill((byte) 0);
                        assertArrayEquals(new byte[]{7, 0, 0, 0}, data(decoded.request(), 0));
                        assertArrayEquals(new byte[]{'b'}, data(decoded.request(), 1));
                    });
        }
    }

    @Test
    void outputsAreWantedAsTheyAreListed() {
        decode("outputs { name: 'B' parameters { key: 'classification' value { int64_param: 3 } } } outputs { name: 'A' }",
                decoded -> {
                    assertEquals(List.of("B", "A"), decoded.request().requestedOutputs());
                    assertEquals(new OutputChoice.Classes(3), decoded.outputs().get("B"));
                    assertEquals(OutputChoice.VALUES, decoded.outputs().get("A"));
                });
    }
}

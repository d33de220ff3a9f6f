package dev.nereid.server.grpc.wire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.server.grpc.proto.ModelInferResponse;
import dev.nereid.server.grpc.proto.ModelStreamInferResponse;
import io.grpc.Drainable;
import io.grpc.KnownLength;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InferAnswerTest {
    private static final InferAnswer.About ABOUT = new InferAnswer.About("m", "1", "id", Map.of());

    private static byte[] bytes(InferAnswer answer) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        InputStream stream = new InferAnswerMarshaller().stream(answer);
        int written = ((Drainable) stream).drainTo(bytes);
        assertEquals(bytes.size(), written);
        assertEquals(0, stream.available());
        return bytes.toByteArray();
    }

    private static InferAnswer.Output output(String name, byte[] data, long... shape) {
        return new InferAnswer.Output(name, "INT8", Shape.of(shape), MemorySegment.ofArray(data));
    }

    @Test
    void writesTheFieldsAndThenTheTensors() throws IOException {
        byte[] bytes = bytes(InferAnswer.of(ABOUT,
                List.of(output("A", new byte[]{1, 2}, 1, 2), output("B", new byte[0]), output("C", new byte[]{3}, 1))));
        assertArrayEquals(WireBytes.of("0a 01 'm' 12 01 '1' 1a 02 'id' "
                + "2a 0d 0a 01 'A' 12 04 'INT8' 1a 02 01 02 2a 09 0a 01 'B' 12 04 'INT8' "
                + "2a 0c 0a 01 'C' 12 04 'INT8' 1a 01 01 32 02 01 02 32 00 32 01 03"), bytes);
    }

    @Test
    void parametersKeepTheirKindAndOrder() throws IOException {
        Map<String, Parameter> parameters = new LinkedHashMap<>();
        parameters.put("t", Parameter.of("x"));
        parameters.put("b", Parameter.of(false));
        parameters.put("i", Parameter.of(-1L));
        parameters.put("r", Parameter.of(1.5));
        assertArrayEquals(
                WireBytes.of("22 08 0a 01 't' 12 03 1a 01 'x' 22 07 0a 01 'b' 12 02 08 00 "
                        + "22 10 0a 01 'i' 12 0b 10 ff ff ff ff ff ff ff ff ff 01 "
                        + "22 0e 0a 01 'r' 12 09 21 00 00 00 00 00 00 f8 3f"),
                bytes(InferAnswer.of(new InferAnswer.About("", "", "", parameters), List.of())));
    }

    @Test
    void onAStreamTheAnswerIsWrapped() throws IOException {
        assertArrayEquals(
                WireBytes.of("12 18 0a 01 'm' 12 01 '1' 1a 02 'id' 2a 09 0a 01 'A' 12 04 'INT8' 32 01 07"),
                bytes(InferAnswer.onStream(ABOUT, List.of(output("A", new byte[]{7})))));
        assertArrayEquals(WireBytes.of("0a 03 'bad' 12 0a 0a 01 'm' 12 01 '1' 1a 02 'id'"),
                bytes(InferAnswer.failure(ABOUT, "bad")));
    }

    @Test
    void protobufReadsIt() throws IOException {
        byte[] large = new byte[200_000];
        for (int i = 0; i < large.length; i++) {
            large[i] = (byte) (i * 31);
        }
        InferAnswer.About about = new InferAnswer.About("módel", "12", "", Map.of("flag", Parameter.of(true)));
        ModelInferResponse read = ModelInferResponse
                .parseFrom(bytes(InferAnswer.of(about, List.of(output("OUT", large, 200, 1000)))));
        assertEquals("módel", read.getModelName());
        assertEquals("12", read.getModelVersion());
        assertEquals(List.of(200L, 1000L), read.getOutputs(0).getShapeList());
        assertArrayEquals(large, read.getRawOutputContents(0).toByteArray());
        assertEquals(true, read.getParametersOrThrow("flag").getBoolParam());
        ModelStreamInferResponse streamed = ModelStreamInferResponse
                .parseFrom(bytes(InferAnswer.onStream(about, List.of(output("OUT", large, 200, 1000)))));
        assertEquals(read, streamed.getInferResponse());
        assertEquals("", streamed.getErrorMessage());
    }

    @Test
    void aTransportThatReadsGetsTheSameBytes() throws IOException {
        InferAnswer answer = InferAnswer.of(ABOUT, List.of(output("A", new byte[]{1, 2}, 2)));
        InputStream stream = new InferAnswerMarshaller().stream(answer);
        assertEquals(answer.byteSize(), ((KnownLength) stream).available());
        assertEquals(0x0a, stream.read());
        byte[] rest = stream.readAllBytes();
        byte[] all = bytes(answer);
        assertArrayEquals(java.util.Arrays.copyOfRange(all, 1, all.length), rest);
    }

    @Test
    void refusesWhatNoClientCouldRead() {
        // Never touched, so it takes no memory.
        try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofConfined()) {
            MemorySegment huge = MemorySegment.ofAddress(arena.allocate(1).address());
            InferAnswer.Output output = new InferAnswer.Output("A", "INT8", Shape.of(1L), sized(huge, arena));
            InferenceException refused = assertThrows(InferenceException.class,
                    () -> InferAnswer.of(ABOUT, List.of(output)));
            assertEquals("Response has byte size 2147483677 which exceeds gRPC's byte size limit 2147483647.",
                    refused.getMessage());
        }
    }

    @SuppressWarnings("restricted") // a size without memory, which is never read
    private static MemorySegment sized(MemorySegment start, java.lang.foreign.Arena arena) {
        return start.reinterpret(Integer.MAX_VALUE, arena, null);
    }
}

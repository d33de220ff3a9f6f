package dev.nereid.server.grpc.wire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.server.grpc.proto.InferParameter;
import dev.nereid.server.grpc.proto.InferTensorContents;
import dev.nereid.server.grpc.proto.ModelInferRequest;
import dev.nereid.server.grpc.proto.ModelInferRequest.InferInputTensor;
import dev.nereid.server.grpc.proto.ModelInferRequest.InferRequestedOutputTensor;
import dev.nereid.engine.memory.BufferPool;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reads what protobuf writes as protobuf reads it, and nothing that protobuf can't read. */
@Timeout(120)
class InferMessageFuzzTest {
    private static final int MESSAGES = 1_000;
    private static final int DAMAGED = 10_000;

    @AutoClose
    private final BufferPool pool = new BufferPool(1 << 26, 1 << 24);
    private final InferRequestMarshaller marshaller = new InferRequestMarshaller(pool, () -> {
    });
    private final SplittableRandom random = new SplittableRandom(20_261_130);

    @Test
    void readsWhatProtobufWrites() throws InvalidProtocolBufferException {
        for (int i = 0; i < MESSAGES; i++) {
            byte[] bytes = message().toByteArray();
            try (InferMessage read = marshaller.parse(new TransportStream(bytes, 1 + random.nextInt(100)))) {
                assertTrue(read.failure().isEmpty(), () -> read.failure().toString());
                assertSame(ModelInferRequest.parseFrom(bytes), read.fields());
            }
        }
        assertEquals(0, pool.inUseBytes());
    }

    @Test
    void damagedMessagesAreReadAsProtobufReadsThemOrRefused() {
        int readable = 0;
        for (int i = 0; i < DAMAGED; i++) {
            byte[] bytes = damaged(message().toByteArray());
            try (InferMessage read = marshaller.parse(new TransportStream(bytes, 1 + random.nextInt(100)))) {
                if (read.failure().isEmpty()) {
                    readable++;
                    assertSame(ModelInferRequest.parseFrom(bytes), read.fields());
                } else if (!isStricter(read.failure().get().getMessage())) {
                    assertRefused(bytes, read.failure().get().getMessage());
                }
            } catch (InvalidProtocolBufferException e) {
                throw new AssertionError("protobuf can't read " + ByteString.copyFrom(bytes), e);
            }
        }
        assertEquals(0, pool.inUseBytes());
        assertTrue(readable > DAMAGED / 20, "readable: " + readable);
    }

    /** Protobuf takes a field of the wrong type for one that it does not know, and drops bits of numbers. */
    private static boolean isStricter(String reason) {
        return reason.contains("wire type") || reason.contains("number is too large")
                || reason.contains("more than 64 bits");
    }

    private static void assertRefused(byte[] bytes, String reason) {
        assertThrows(InvalidProtocolBufferException.class, () -> ModelInferRequest.parseFrom(bytes),
                () -> "protobuf reads what was refused with: " + reason + ": " + ByteString.copyFrom(bytes));
    }

    private byte[] damaged(byte[] bytes) {
        byte[] damaged = bytes.length == 0 ? new byte[1] : bytes.clone();
        for (int i = random.nextInt(3); i >= 0; i--) {
            int at = random.nextInt(damaged.length);
            switch (random.nextInt(4)) {
                case 0 -> damaged[at] ^= (byte) (1 << random.nextInt(8));
                case 1 -> damaged[at] = (byte) random.nextInt(256);
                case 2 -> damaged[at]++;
                default -> damaged = java.util.Arrays.copyOf(damaged, Math.max(1, at));
            }
        }
        return damaged;
    }

    private ModelInferRequest message() {
        ModelInferRequest.Builder message = ModelInferRequest.newBuilder();
        if (random.nextInt(8) > 0) {
            message.setModelName(text()).setModelVersion(text()).setId(text());
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            message.putParameters(text(), parameter());
        }
        for (int i = random.nextInt(3); i > 0; i--) {
            InferInputTensor.Builder input = InferInputTensor.newBuilder().setName(text()).setDatatype(text());
            for (int j = random.nextInt(6); j > 0; j--) {
                input.addShape(random.nextLong() >> random.nextInt(64));
            }
            if (random.nextBoolean()) {
                input.putParameters(text(), parameter());
            }
            if (random.nextBoolean()) {
                input.setContents(contents());
            }
            message.addInputs(input);
        }
        for (int i = random.nextInt(3); i > 0; i--) {
            message.addOutputs(
                    InferRequestedOutputTensor.newBuilder().setName(text()).putParameters(text(), parameter()));
        }
        for (int i = random.nextInt(4); i > 0; i--) {
            message.addRawInputContents(bytes());
        }
        return message.build();
    }

    private ByteString bytes() {
        byte[] bytes = new byte[random.nextInt(8) == 0 ? random.nextInt(1000) : random.nextInt(12)];
        random.nextBytes(bytes);
        return ByteString.copyFrom(bytes);
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(9); i > 0; i--) {
            int kind = random.nextInt(20);
            text.appendCodePoint(kind == 0 ? 0x1F600 : kind == 1 ? 0xE9 : 'a' + random.nextInt(26));
        }
        return text.toString();
    }

    private InferParameter parameter() {
        InferParameter.Builder parameter = InferParameter.newBuilder();
        switch (random.nextInt(6)) {
            case 0 -> parameter.setBoolParam(random.nextBoolean());
            case 1 -> parameter.setInt64Param(random.nextLong());
            case 2 -> parameter.setStringParam(text());
            case 3 -> parameter.setDoubleParam(random.nextDouble());
            case 4 -> parameter.setUint64Param(random.nextLong());
            default -> {
            }
        }
        return parameter.build();
    }

    private InferTensorContents contents() {
        InferTensorContents.Builder contents = InferTensorContents.newBuilder();
        for (int i = random.nextInt(20); i > 0; i--) {
            switch (random.nextInt(8)) {
                case 0 -> contents.addBoolContents(random.nextBoolean());
                case 1 -> contents.addIntContents(random.nextInt() >> random.nextInt(32));
                case 2 -> contents.addInt64Contents(random.nextLong() >> random.nextInt(64));
                case 3 -> contents.addUintContents(random.nextInt() >>> random.nextInt(32));
                case 4 -> contents.addUint64Contents(random.nextLong() >>> random.nextInt(64));
                case 5 -> contents.addFp32Contents(random.nextInt());
                case 6 -> contents.addFp64Contents(random.nextDouble());
                default -> contents.addBytesContents(bytes());
            }
        }
        return contents.build();
    }

    private static void assertSame(ModelInferRequest expected, InferMessage.Fields read) {
        assertEquals(expected.getModelName(), read.modelName());
        assertEquals(expected.getModelVersion(), read.modelVersion());
        assertEquals(expected.getId(), read.id());
        assertEquals(parameters(expected.getParametersMap()), read.parameters());
        assertEquals(expected.getInputsCount(), read.inputs().size());
        for (int i = 0; i < read.inputs().size(); i++) {
            assertSame(expected.getInputs(i), read.inputs().get(i));
        }
        assertEquals(expected.getOutputsCount(), read.outputs().size());
        for (int i = 0; i < read.outputs().size(); i++) {
            assertEquals(expected.getOutputs(i).getName(), read.outputs().get(i).name());
            assertEquals(parameters(expected.getOutputs(i).getParametersMap()), read.outputs().get(i).parameters());
        }
        assertEquals(expected.getRawInputContentsCount(), read.rawContents().size());
        for (int i = 0; i < read.rawContents().size(); i++) {
            assertArrayEquals(expected.getRawInputContents(i).toByteArray(),
                    read.rawContents().get(i).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    private static void assertSame(InferInputTensor expected, InferMessage.Input read) {
        assertEquals(expected.getName(), read.name());
        assertEquals(expected.getDatatype(), read.datatype());
        assertArrayEquals(expected.getShapeList().stream().mapToLong(Long::longValue).toArray(), read.shape());
        assertEquals(parameters(expected.getParametersMap()), read.parameters());
        assertEquals(expected.hasContents(), read.contents().isPresent());
        read.contents().ifPresent(contents -> assertSame(expected.getContents(), contents));
    }

    private static void assertSame(InferTensorContents expected, TensorContents read) {
        assertList(read, ContentList.BOOL, expected.getBoolContentsList(),
                (to, value) -> to.put((byte) (value ? 1 : 0)));
        assertList(read, ContentList.INT, expected.getIntContentsList(), ByteBuffer::putInt);
        assertList(read, ContentList.INT64, expected.getInt64ContentsList(), ByteBuffer::putLong);
        assertList(read, ContentList.UINT, expected.getUintContentsList(), ByteBuffer::putInt);
        assertList(read, ContentList.UINT64, expected.getUint64ContentsList(), ByteBuffer::putLong);
        assertList(read, ContentList.FP32, expected.getFp32ContentsList(),
                (to, value) -> to.putInt(Float.floatToRawIntBits(value)));
        assertList(read, ContentList.FP64, expected.getFp64ContentsList(),
                (to, value) -> to.putLong(Double.doubleToRawLongBits(value)));
        assertList(read, ContentList.BYTES, expected.getBytesContentsList(),
                (to, value) -> to.putInt(value.size()).put(value.toByteArray()));
    }

    private interface Put<T> {
        void put(ByteBuffer target, T value);
    }

    private static <T> void assertList(TensorContents read, ContentList list, List<T> expected, Put<T> put) {
        ByteBuffer bytes = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
        expected.forEach(value -> put.put(bytes, value));
        byte[] all = new byte[bytes.position()];
        bytes.flip().get(all);
        assertArrayEquals(all, read.elements(list).toArray(ValueLayout.JAVA_BYTE), list::name);
    }

    private static Map<String, WireParameter> parameters(Map<String, InferParameter> parameters) {
        Map<String, WireParameter> all = new LinkedHashMap<>();
        parameters.forEach((name, value) -> all.put(name, switch (value.getParameterChoiceCase()) {
            case BOOL_PARAM -> new WireParameter.Value(Parameter.of(value.getBoolParam()));
            case INT64_PARAM -> new WireParameter.Value(Parameter.of(value.getInt64Param()));
            case STRING_PARAM -> new WireParameter.Value(Parameter.of(value.getStringParam()));
            case DOUBLE_PARAM -> new WireParameter.Value(Parameter.of(value.getDoubleParam()));
            case UINT64_PARAM -> new WireParameter.Unsigned(value.getUint64Param());
            case PARAMETERCHOICE_NOT_SET -> WireParameter.NONE;
        }));
        return all;
    }
}

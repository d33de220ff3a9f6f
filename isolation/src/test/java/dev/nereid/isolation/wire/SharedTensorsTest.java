package dev.nereid.isolation.wire;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;

class SharedTensorsTest {
    @AutoClose
    private final Arena arena = Arena.ofShared();

    private final MemorySegment area = arena.allocate(1 << 16);
    private final Blocks blocks = new Blocks(area, 1_000);

    private Tensor tensor(String name, byte... data) {
        return new Tensor(name, DataType.UINT8, Shape.of(data.length), arena.allocateFrom(ValueLayout.JAVA_BYTE, data));
    }

    @Test
    void eachLiesWhereItIsSaidToLie() {
        List<TensorData> written = SharedTensors.write(
                List.of(tensor("A", (byte) 1, (byte) 2), tensor("B"), tensor("C", (byte) 3)), blocks, Duration.ZERO);
        assertEquals(List.of("A", "B", "C"), written.stream().map(TensorData::name).toList());
        assertArrayEquals(new byte[]{1, 2}, bytes(written.get(0)));
        assertArrayEquals(new byte[0], bytes(written.get(1)));
        assertArrayEquals(new byte[]{3}, bytes(written.get(2)));
    }

    private byte[] bytes(TensorData tensor) {
        return Blocks.slice(area, tensor.offset(), tensor.byteSize()).toArray(ValueLayout.JAVA_BYTE);
    }

    @Test
    void whereTheLastHasNoRoomNoneIsKept() {
        List<Tensor> tensors = List.of(tensor("A", new byte[600]), tensor("B", new byte[600]));
        assertEquals(StatusCode.UNAVAILABLE,
                assertThrows(InferenceException.class, () -> SharedTensors.write(tensors, blocks, Duration.ZERO))
                        .code());
        assertEquals(0, blocks.usedBytes());
    }
}

package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.ValueLayout;

/** Reads the content of tensors that decide shapes. */
final class ShapeValues {
    private ShapeValues() {
    }

    /**
     * Returns the values that the engine gets: those of the first row, behind the number of rows where the model
     * batches.
     */
    static Dims of(Tensor tensor, TensorPlan.InputSlot slot, boolean batching, long rows) {
        if (tensor.placement().kind() == Placement.Kind.GPU) {
            throw InferenceException.invalid(
                    "shape tensor for input '" + slot.name() + "' must be in single contiguous buffer on CPU");
        }
        int width = tensor.dataType().byteSize();
        long count = batching ? Math.max(0, engineCount(slot) - 1) : engineCount(slot);
        long expected = count * width * (batching ? Math.max(1, rows) : 1);
        if (tensor.byteSize() != expected) {
            throw InferenceException.invalid("shape tensor for input '" + slot.name() + "' expected byte size is "
                    + expected + ", got " + tensor.byteSize());
        }
        long[] values = new long[Math.toIntExact(count) + (batching ? 1 : 0)];
        int begin = 0;
        if (batching) {
            values[begin++] = rows;
        }
        for (int i = 0; i < count; i++) {
            values[begin + i] = width == Integer.BYTES
                    ? tensor.data().get(ValueLayout.JAVA_INT_UNALIGNED, (long) i * width)
                    : tensor.data().get(ValueLayout.JAVA_LONG_UNALIGNED, (long) i * width);
        }
        return Dims.of(values);
    }

    static long engineCount(TensorPlan.InputSlot slot) {
        return slot.tensor().dims().rank() == 0 ? 1 : slot.tensor().dims().get(0);
    }
}

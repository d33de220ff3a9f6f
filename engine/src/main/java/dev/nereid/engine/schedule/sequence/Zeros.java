package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Tensors of zeros, which share one piece of memory. Used under the scheduler's lock. */
final class Zeros {
    private static final long ALIGNMENT = 64;

    private MemorySegment memory = MemorySegment.NULL;

    /** Returns a tensor of the same name, type and shape; texts are empty. */
    Tensor like(Tensor tensor) {
        long bytes = tensor.dataType() == DataType.BYTES
                ? Math.multiplyExact(tensor.shape().elementCount(), (long) Integer.BYTES)
                : tensor.byteSize();
        if (memory.byteSize() < bytes) {
            // Batches that are being executed keep the smaller one.
            memory = Arena.ofAuto().allocate(bytes, ALIGNMENT).asReadOnly();
        }
        return new Tensor(tensor.name(), tensor.dataType(), tensor.shape(), memory.asSlice(0, bytes));
    }
}

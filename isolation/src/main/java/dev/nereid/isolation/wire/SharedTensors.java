package dev.nereid.isolation.wire;

import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.isolation.region.Blocks;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Tensors of calls between models on their way into shared memory. */
public final class SharedTensors {
    private SharedTensors() {
    }

    /**
     * Copies tensors in host memory, each into a block of its own. Whoever gets to know them frees the blocks.
     *
     * @param patience how long to wait for room for each
     * @throws dev.nereid.backend.api.InferenceException UNAVAILABLE when there is no room for all; then none is kept
     */
    public static List<TensorData> write(List<Tensor> tensors, Blocks blocks, Duration patience) {
        List<TensorData> written = new ArrayList<>(tensors.size());
        try {
            for (Tensor tensor : tensors) {
                Blocks.Block block = blocks.allocate(tensor.byteSize(), patience);
                written.add(new TensorData(tensor.name(), tensor.dataType(), tensor.shape(), block.offset(),
                        tensor.byteSize()));
                block.memory().copyFrom(tensor.data());
            }
            return written;
        } catch (RuntimeException | Error e) {
            written.forEach(tensor -> blocks.free(tensor.offset()));
            throw e;
        }
    }
}

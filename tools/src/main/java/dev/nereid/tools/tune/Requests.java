package dev.nereid.tools.tune;

import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.Inference;
import dev.nereid.tools.perf.InputTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/** The requests that are sent, with their tensors in native memory, made once for each number of rows. Threads: any. */
final class Requests {
    private final String model;
    private final IntFunction<List<List<InputTensor>>> inputs;
    private final Map<Integer, List<Inference>> made = new HashMap<>();

    /**
     * Creates requests to a model.
     *
     * @param inputs returns the inputs of one or more requests with that number of rows
     */
    Requests(String model, IntFunction<List<List<InputTensor>>> inputs) {
        this.model = model;
        this.inputs = inputs;
    }

    /** Returns the requests with that number of rows, which are to be sent in turn. */
    synchronized List<Inference> ofRows(int rows) {
        return made.computeIfAbsent(rows, count -> inputs.apply(count).stream().map(this::request).toList());
    }

    private Inference request(List<InputTensor> tensors) {
        Inference request = Inference.of(model);
        for (InputTensor tensor : tensors) {
            // As long as the requests are.
            MemorySegment data = Arena.ofAuto().allocate(tensor.bytes().length, Long.BYTES);
            data.copyFrom(MemorySegment.ofArray(tensor.bytes()));
            long[] dimensions = tensor.shape().stream().mapToLong(Long::longValue).toArray();
            request = request.input(tensor.name(), tensor.dataType(), Shape.of(dimensions), data);
        }
        return request;
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.OutputShapes;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.ResponseListener;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;

/** Makes requests with inputs of zeros that ask for OUTPUT0. */
final class TestRequests {
    private final BufferPool pool;
    private final LongSupplier clock;
    private boolean isDecoupled;
    private OutputShapes outputShapes = OutputShapes.AS_PRODUCED;

    TestRequests(BufferPool pool, LongSupplier clock) {
        this.pool = pool;
        this.clock = clock;
    }

    TestRequests decoupled() {
        isDecoupled = true;
        return this;
    }

    TestRequests presenting(OutputShapes shapes) {
        outputShapes = shapes;
        return this;
    }

    /** Returns a request of one row. */
    Builder id(String id) {
        return new Builder(id);
    }

    /** Returns a request of one row with a sink of its own. */
    ActiveRequest one(String id, ResponseListener sink) {
        return id(id).to(sink).build();
    }

    final class Builder {
        private final String id;
        private final List<Tensor> inputs = new ArrayList<>();
        private int rows = 1;
        private long priority;
        private long timeoutMicros;
        private ResponseListener sink = new RecordingSink();

        private Builder(String id) {
            this.id = id;
        }

        Builder rows(int value) {
            rows = value;
            return this;
        }

        Builder priority(long value) {
            priority = value;
            return this;
        }

        Builder timeoutMicros(long value) {
            timeoutMicros = value;
            return this;
        }

        Builder to(ResponseListener value) {
            sink = value;
            return this;
        }

        /** Adds an input of bytes; its dimensions beyond the rows are given. */
        Builder input(String name, long... beyondRows) {
            long[] dimensions = new long[beyondRows.length + 1];
            dimensions[0] = rows;
            System.arraycopy(beyondRows, 0, dimensions, 1, beyondRows.length);
            Shape shape = Shape.of(dimensions);
            byte[] zeros = new byte[Math.toIntExact(shape.elementCount())];
            inputs.add(new Tensor(name, DataType.UINT8, shape, MemorySegment.ofArray(zeros).asReadOnly()));
            return this;
        }

        /** Adds an input without batch dimension whose content are those bytes. */
        Builder content(String name, byte... bytes) {
            inputs.add(new Tensor(name, DataType.UINT8, Shape.of(bytes.length), MemorySegment.ofArray(bytes)));
            return this;
        }

        ActiveRequest build() {
            if (inputs.isEmpty()) {
                input("INPUT0", 4);
            }
            RequestData data = new RequestData(id, Map.of(), CorrelationId.NONE, false, false, priority, timeoutMicros,
                    List.of(), List.of(), false);
            ActiveRequest.Content content = new ActiveRequest.Content(data, inputs, rows, Set.of("OUTPUT0"));
            return new ActiveRequest(content, new ModelIo(isDecoupled, outputShapes, new ModelStatistics(), 1 << 20),
                    pool, sink,
                    clock.getAsLong());
        }
    }
}

package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The responses to a batch: splits each output by the requests' rows, keeps errors to the request that they concern,
 * and sends everything at the end. Used by one thread, for one batch.
 */
public final class BatchResponses {
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Batch batch;
    private final boolean splits;
    private final List<InferenceRequest> requests;
    private final List<InferenceResponse> responses;

    /**
     * Creates empty responses and marks the end of the computation.
     *
     * @param batching whether the model has a batch dimension, along which outputs are split
     */
    public BatchResponses(Batch batch, boolean batching) {
        this.batch = batch;
        this.requests = batch.requests();
        this.splits = batching;
        this.responses = new ArrayList<>(requests.size());
        batch.markComputeEnd();
        for (InferenceRequest request : requests) {
            responses.add(request.newResponse());
        }
    }

    /** Returns whether any request of the batch asks for that output. */
    public boolean isRequested(String name) {
        for (InferenceRequest request : requests) {
            if (request.isOutputRequested(name)) {
                return true;
            }
        }
        return false;
    }

    /** Adds an output of the whole batch, copying to each request its rows. */
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data) {
        scatter(name, dataType, shape, data, (response, part, rows) -> response.copyOutput(name, dataType, part, rows));
    }

    /**
     * Adds an output of the whole batch without a copy; {@code release} is called once, when no request needs the
     * memory any more.
     */
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data, Runnable release) {
        // One share is held here, so that the memory stays while the parts are handed out.
        AtomicInteger shares = new AtomicInteger(1);
        Runnable releaseShare = () -> {
            if (shares.decrementAndGet() == 0) {
                release.run();
            }
        };
        try {
            scatter(name, dataType, shape, data, (response, part, rows) -> {
                shares.incrementAndGet();
                response.addOutput(name, dataType, part, rows, releaseShare);
            });
        } finally {
            releaseShare.run();
        }
    }

    /** Returns the response to request {@code index}, for parameters or outputs that are not split. */
    public InferenceResponse response(int index) {
        return responses.get(index);
    }

    /** Answers request {@code index} with an error; the others go on. */
    public void fail(int index, InferenceException error) {
        if (!requests.get(index).isAnswered()) {
            requests.get(index).fail(error);
        }
    }

    /** Sends the responses of all requests that have not failed. */
    public void send() {
        for (int i = 0; i < requests.size(); i++) {
            if (!requests.get(i).isAnswered()) {
                responses.get(i).send();
            }
        }
    }

    @FunctionalInterface
    private interface Sink {
        void accept(InferenceResponse response, Shape shape, MemorySegment rows);
    }

    private void scatter(String name, DataType dataType, Shape shape, MemorySegment data, Sink sink) {
        boolean byRows = splits && shape.rank() > 0;
        long rowElements = byRows ? shape.withoutFirst().elementCount() : 0;
        long available = byRows ? shape.dimension(0) : 0;
        long rowBegin = 0;
        long byteBegin = 0;
        for (int i = 0; i < requests.size(); i++) {
            InferenceRequest request = requests.get(i);
            long rows = request.batchSize();
            if (byRows && rowBegin + rows > available) {
                fail(i, new InferenceException(StatusCode.UNSUPPORTED,
                        RequestIds.prefix(request) + "failed to split the output tensor '" + name
                                + "' in responses: expected batch size of at least " + (rowBegin + rows)
                                + " in model output, got " + available));
                rowBegin += rows;
                continue;
            }
            long byteEnd = byRows ? endOfRows(dataType, data, byteBegin, rows * rowElements) : data.byteSize();
            if (!request.isAnswered() && request.isOutputRequested(name)) {
                try {
                    sink.accept(responses.get(i), byRows ? shape.withFirst(rows) : shape,
                            data.asSlice(byteBegin, byteEnd - byteBegin));
                } catch (InferenceException e) {
                    fail(i, e);
                }
            }
            if (byRows) {
                rowBegin += rows;
                byteBegin = byteEnd;
            }
        }
    }

    private static long endOfRows(DataType dataType, MemorySegment data, long begin, long elements) {
        if (dataType.isFixedSize()) {
            return begin + elements * dataType.byteSize();
        }
        long end = begin;
        for (long i = 0; i < elements; i++) {
            end += Integer.BYTES + Integer.toUnsignedLong(data.get(LENGTH, end));
        }
        return end;
    }

    /** Returns the batch that is answered. */
    public Batch batch() {
        return batch;
    }
}

package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The responses to a batch: splits each output by the requests' rows, keeps errors to the request that they concern,
 * and sends everything at the end. Used by one thread, for one batch.
 */
public final class BatchResponses {
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Batch batch;
    private final boolean splits;
    private final List<InferenceRequest> requests;
    /** Made when first needed: a request that has failed gets none. */
    private final @Nullable InferenceResponse[] responses;

    /**
     * Starts the responses and marks the end of the computation. Requests that are answered already are passed over.
     *
     * @param batching whether the model has a batch dimension, along which outputs are split
     */
    public BatchResponses(Batch batch, boolean batching) {
        this.batch = batch;
        this.requests = batch.requests();
        this.splits = batching;
        this.responses = new InferenceResponse[requests.size()];
        batch.markComputeEnd();
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

    /**
     * Adds an output of the whole batch, copying to each request its rows. Where a model that batches gives fewer rows than
     * the batch has, the requests fail that get none; where it gives more, it can't be told whose they are, and all fail.
     */
    public void addOutput(String name, DataType dataType, Shape shape, MemorySegment data) {
        scatter(name, dataType, shape, data, (response, part, rows) -> response.copyOutput(name, dataType, part, rows));
    }

    /**
     * Adds an output of the whole batch without a copy, with the same rules; {@code release} is called once, when no request needs the
     * memory any more, also where this method throws.
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
                boolean handedOver = false;
                try {
                    response.addOutput(name, dataType, part, rows, releaseShare);
                    handedOver = true;
                } finally {
                    if (!handedOver) {
                        releaseShare.run();
                    }
                }
            });
        } finally {
            releaseShare.run();
        }
    }

    /**
     * Adds an output of the whole batch, giving each request as many elements as one of its inputs has, in that input's
     * shape: for ragged batches. Requests that get too few fail; where there are more than all inputs have, all fail.
     *
     * @param source the input
     */
    public void addOutputLike(String source, String name, DataType dataType, MemorySegment data) {
        List<Shape> shapes = requests.stream().map(request -> shape(request, source)).toList();
        long expected = 0;
        for (Shape shape : shapes) {
            expected = Math.addExact(expected, Tensor.byteSize(name, dataType, shape));
        }
        if (data.byteSize() > expected) {
            failAll(name, "expected " + expected + " bytes in model output, got " + data.byteSize());
            return;
        }
        long begin = 0;
        for (int i = 0; i < requests.size(); i++) {
            InferenceRequest request = requests.get(i);
            Shape shape = shapes.get(i);
            long length = Tensor.byteSize(name, dataType, shape);
            if (length > data.byteSize() - begin) {
                failToSplit(i, name, "expected at least " + (begin + length) + " bytes in model output, got "
                        + data.byteSize());
            } else if (!request.isAnswered() && request.isOutputRequested(name)) {
                response(i).copyOutput(name, dataType, shape, data.asSlice(begin, length));
            }
            begin = Math.min(data.byteSize(), begin + length);
        }
    }

    private static Shape shape(InferenceRequest request, String input) {
        return request.input(input).map(Tensor::shape).orElseThrow(() -> InferenceException
                .invalid(RequestIds.prefix(request) + "request has no input '" + input + "'"));
    }

    private long batchRows() {
        return requests.stream().mapToLong(InferenceRequest::batchSize).sum();
    }

    private void failAll(String output, String why) {
        for (int i = 0; i < requests.size(); i++) {
            failToSplit(i, output, why);
        }
    }

    private void failToSplit(int index, String output, String why) {
        fail(index, new InferenceException(StatusCode.UNSUPPORTED, RequestIds.prefix(requests.get(index))
                + "failed to split the output tensor '" + output + "' in responses: " + why));
    }

    /** Returns the response to request {@code index}, for parameters or outputs that are not split. */
    public InferenceResponse response(int index) {
        InferenceResponse response = responses[index];
        if (response == null) {
            response = requests.get(index).newResponse();
            responses[index] = response;
        }
        return response;
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
                response(i).send();
            }
        }
    }

    @FunctionalInterface
    private interface Sink {
        void accept(InferenceResponse response, Shape shape, MemorySegment rows);
    }

    private void scatter(String name, DataType dataType, Shape shape, MemorySegment data, Sink sink) {
        checkSize(name, dataType, shape, data);
        boolean byRows = splits && shape.rank() > 0;
        long rowElements = byRows ? shape.withoutFirst().elementCount() : 0;
        long available = byRows ? shape.dimension(0) : 0;
        if (byRows && available > batchRows()) {
            failAll(name, "expected batch size of " + batchRows() + " in model output, got " + available);
            return;
        }
        long rowBegin = 0;
        long byteBegin = 0;
        for (int i = 0; i < requests.size(); i++) {
            InferenceRequest request = requests.get(i);
            long rows = request.batchSize();
            if (byRows && rowBegin + rows > available) {
                failToSplit(i, name, "expected batch size of at least " + (rowBegin + rows)
                        + " in model output, got " + available);
                rowBegin += rows;
                continue;
            }
            long byteEnd = byRows
                    ? endOfRows(name, dataType, shape, data, byteBegin, rows * rowElements)
                    : data.byteSize();
            if (!request.isAnswered() && request.isOutputRequested(name)) {
                try {
                    sink.accept(response(i), byRows ? shape.withFirst(rows) : shape,
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

    private static void checkSize(String name, DataType dataType, Shape shape, MemorySegment data) {
        if (dataType.isFixedSize()) {
            long expected = Tensor.byteSize(name, dataType, shape);
            if (data.byteSize() != expected) {
                throw InferenceException.internal("output '" + name + "' has " + data.byteSize() + " bytes, expected "
                        + expected + " for shape " + shape);
            }
        }
    }

    private static long endOfRows(String name, DataType dataType, Shape shape, MemorySegment data, long begin,
            long elements) {
        if (dataType.isFixedSize()) {
            return begin + elements * dataType.byteSize();
        }
        long size = data.byteSize();
        long end = begin;
        for (long i = 0; i < elements; i++) {
            long next = end + Integer.BYTES;
            if (next <= size) {
                next += Integer.toUnsignedLong(data.get(LENGTH, end));
            }
            if (next > size) {
                throw InferenceException.internal("output '" + name + "' of " + size
                        + " bytes holds fewer elements than its shape " + shape + " says");
            }
            end = next;
        }
        return end;
    }

    /** Returns the batch that is answered. */
    public Batch batch() {
        return batch;
    }
}

package dev.nereid.engine.request;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;

/** Deduces datatype and shape of a request that is nothing but the data of its one input. */
final class RawInput {
    private static final ValueLayout.OfInt LENGTH = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final RequestValidator validator;

    RawInput(RequestValidator validator) {
        this.validator = validator;
    }

    RequestData complete(RequestData request, SegmentAllocator allocator) {
        List<ModelInput> configured = validator.configuredInputs();
        if (configured.size() != 1) {
            throw RequestValidator.invalid(request,
                    "Raw request must only have 1 input (found 1) to be deduced but got " + configured.size()
                            + " inputs in '" + validator.model() + "' model configuration");
        }
        ModelInput config = configured.getFirst();
        InputData raw = request.inputs().getFirst();
        Optional<DataType> dataType = config.dataType();
        InputData complete;
        if (dataType.isPresent() && dataType.get() == DataType.BYTES) {
            complete = bytes(request, raw, config, allocator);
        } else {
            int elementSize = dataType.map(DataType::byteSize).orElse(1);
            long[] shape = shape(request, raw, config, elementSize);
            // Like the recorded reference, which completes only what has bytes.
            String name = raw.data().byteSize() == 0 ? raw.name() : config.name();
            complete = new InputData(name, dataType, shape, raw.data());
        }
        return new RequestData(request.id(), request.parameters(), request.correlationId(), request.isSequenceStart(),
                request.isSequenceEnd(), request.priority(), request.timeoutMicros(), List.of(complete),
                request.requestedOutputs(), true);
    }

    private InputData bytes(RequestData request, InputData raw, ModelInput config, SegmentAllocator allocator) {
        if (config.dims().rank() != 1 || config.dims().get(0) != 1) {
            throw RequestValidator.invalid(request, "For BYTE datatype raw input '" + config.name()
                    + "', the model must have input shape [1]");
        }
        long length = raw.data().byteSize();
        if (length > Integer.MAX_VALUE) {
            throw InferenceException.invalid("raw input of " + length + " bytes is too long for one element");
        }
        MemorySegment element = allocator.allocate(Integer.BYTES + length);
        element.set(LENGTH, 0, (int) length);
        MemorySegment.copy(raw.data(), 0, element, Integer.BYTES, length);
        long[] shape = validator.isBatching() ? new long[]{1, 1} : new long[]{1};
        return new InputData(config.name(), config.dataType(), shape, element);
    }

    private long[] shape(RequestData request, InputData raw, ModelInput config, int elementSize) {
        Dims dims = config.dims();
        long[] shape = validator.isBatching() ? dims.prepend(1).toArray() : dims.toArray();
        int open = -1;
        long known = elementSize;
        for (int i = 0; i < shape.length; i++) {
            if (shape[i] != Dims.ANY) {
                known *= shape[i];
            } else if (open >= 0) {
                throw RequestValidator.invalid(request, "The shape of the raw input '" + config.name()
                        + "' can not be deduced because there are more than one variable-sized dimension");
            } else {
                open = i;
            }
        }
        if (open >= 0) {
            shape[open] = known > 0 ? raw.data().byteSize() / known : 0;
        }
        return shape;
    }
}

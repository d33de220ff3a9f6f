package dev.nereid.server.protocol;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.sharedmemory.SharedRange;
import dev.nereid.json.JsonAccess;
import dev.nereid.json.JsonValue;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.Consumer;

/** Decodes the inputs of one request after the other. Reusable, for one thread. */
final class InputDecoder {
    private static final DecodeContext NONE = new DecodeContext("", 0, (byteSize, byteAlignment) -> MemorySegment.NULL,
            SharedMemoryRegions.NONE);

    private final TensorDataReader reader = new TensorDataReader();
    private MemorySegment binary = MemorySegment.NULL;
    private long consumed;
    private DecodeContext context = NONE;

    /** Starts a request. */
    void begin(MemorySegment binaryPart, DecodeContext requestContext) {
        binary = binaryPart;
        consumed = 0;
        context = requestContext;
    }

    /** Ends a request: all bytes must have been used. */
    void finish() {
        long left = binary.byteSize() - consumed;
        binary = MemorySegment.NULL;
        if (left > 0) {
            throw InferenceException
                    .invalid("unexpected additional input data for model '" + context.modelName() + "'");
        }
        context = NONE;
    }

    /**
     * Decodes the next input.
     *
     * @param nameCheck sees the name before the data is read
     */
    InputData decode(JsonValue input, Consumer<String> nameCheck) {
        Optional<JsonValue> parameters = input.find("parameters");
        checkSource(input, parameters);
        String name = JsonAccess.required(input, "name", JsonValue::asString);
        String dataTypeName = JsonAccess.required(input, "datatype", JsonValue::asString);
        long[] shape = JsonAccess.required(input, "shape", JsonValue::unsignedElements);
        nameCheck.accept(name);
        Optional<DataType> dataType = DataType.parse(dataTypeName);
        Optional<JsonValue> binarySize = parameters.isPresent()
                ? parameters.get().find("binary_data_size")
                : Optional.empty();
        MemorySegment data;
        if (binarySize.isPresent()) {
            data = slice(name, JsonAccess.parsed(binarySize.get(), "binary_data_size", JsonValue::asUnsigned));
        } else {
            Optional<SharedRange> sharedMemory = sharedMemory(parameters, context.regions());
            data = sharedMemory.isPresent() ? copy(sharedMemory.get()) : read(input, name, dataType, shape);
        }
        return new InputData(name, dataType, shape, data);
    }

    /** Nothing that was checked may change afterwards, and a backend's native code can't survive memory that is gone. */
    private MemorySegment copy(SharedRange shared) {
        MemorySegment own = context.allocator().allocate(shared.byteSize(), DecodeContext.ALIGNMENT);
        shared.read(own);
        return own;
    }

    /** Returns the part of shared memory that parameters name. */
    static Optional<SharedRange> sharedMemory(Optional<JsonValue> parameters, SharedMemoryRegions regions) {
        if (parameters.isEmpty()) {
            return Optional.empty();
        }
        Optional<JsonValue> value = parameters.get().find("shared_memory_region");
        Optional<String> region = value
                .map(present -> JsonAccess.parsed(present, "shared_memory_region", JsonValue::asString));
        long offset = JsonAccess.optional(parameters, "shared_memory_offset", JsonValue::asUnsigned, 0L);
        long size = JsonAccess.optional(parameters, "shared_memory_byte_size", JsonValue::asUnsigned, 0L);
        return region.map(name -> regions.resolve(name, offset, size));
    }

    private static void checkSource(JsonValue input, Optional<JsonValue> parameters) {
        boolean hasData = input.has("data");
        boolean hasSize = parameters.isPresent() && parameters.get().has("binary_data_size");
        boolean hasRegion = parameters.isPresent() && parameters.get().has("shared_memory_region");
        if ((hasData ? 1 : 0) + (hasSize ? 1 : 0) + (hasRegion ? 1 : 0) != 1) {
            String given = (hasData ? " 'data'" : "") + (hasSize ? " 'binary_data_size'" : "")
                    + (hasRegion ? " 'shared_memory_region'" : "");
            throw InferenceException.invalid("Input must set only one of the following fields: 'data', "
                    + "'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'. But "
                    + (given.isEmpty() ? "no field is set" : "set" + given));
        }
    }

    private MemorySegment slice(String name, long size) {
        long available = binary.byteSize() - consumed;
        if (Long.compareUnsigned(size, available) > 0) {
            throw InferenceException.invalid(
                    "unexpected size for input '" + name + "', expecting "
                            + Long.toUnsignedString(size - available) + " additional bytes for model '"
                            + context.modelName() + "'");
        }
        MemorySegment slice = size == binary.byteSize() ? binary : binary.asSlice(consumed, size);
        consumed += size;
        return slice;
    }

    private MemorySegment read(JsonValue input, String name, Optional<DataType> dataType, long[] shape) {
        long count = elementCount(name, shape);
        if (count == 0) {
            return MemorySegment.NULL;
        }
        JsonValue data = JsonAccess.required(input, "data", JsonValue::asArray);
        int elementSize = dataType.map(DataType::byteSize).orElse(0);
        if (elementSize > 1 && count > Long.MAX_VALUE / elementSize) {
            throw InferenceException.invalid("byte size overflow for input '" + name + "': element count (" + count
                    + ") * data type size (" + elementSize + ") exceeds maximum allowed size (" + Long.MAX_VALUE
                    + ")");
        }
        boolean isBytes = dataType.isPresent() && dataType.get() == DataType.BYTES;
        long size = isBytes ? reader.bytesSize(data) : count * elementSize;
        if (size > context.maxInputSize()) {
            throw InferenceException.invalid("JSON input '" + name + "' has a byte_size (" + size
                    + " bytes) that exceeds the maximum allowed value of " + context.maxInputSize()
                    + " bytes. Use --http-max-input-size to increase the limit.");
        }
        return read(data, name, dataType, count, size);
    }

    private MemorySegment read(JsonValue data, String name, Optional<DataType> dataType, long count, long size) {
        DataType readable = readable(name, dataType);
        MemorySegment memory = context.allocator().allocate(size, DecodeContext.ALIGNMENT);
        reader.read(data, readable, count, memory);
        return memory.asReadOnly();
    }

    /** Returns the datatype if there is a way to write it in JSON. */
    static DataType readable(String input, Optional<DataType> dataType) {
        if (dataType.isEmpty()) {
            throw InferenceException.invalid("invalid datatype for input " + input);
        }
        DataType type = dataType.get();
        if (type == DataType.FP16 || type == DataType.BF16) {
            throw InferenceException.invalid("receiving " + type
                    + " data via JSON is not supported. Please use the binary data format for input " + input);
        }
        return type;
    }

    /** Returns the product of all dimensions; 0 for no dimensions, as the reference has it here. */
    private static long elementCount(String name, long[] shape) {
        boolean hasZero = shape.length == 0;
        long count = 1;
        boolean overflows = false;
        for (long dimension : shape) {
            if (dimension < 0) {
                throw InferenceException.invalid("invalid shape for input '" + name + "': shape "
                        + InputData.shapeText(shape) + " contains one or more invalid dimensions");
            }
            hasZero |= dimension == 0;
            overflows |= Math.multiplyHigh(count, dimension) != 0 || count * dimension < 0;
            count *= dimension;
        }
        if (hasZero) {
            return 0;
        }
        if (overflows) {
            throw InferenceException
                    .invalid("invalid shape for input '" + name + "': shape " + InputData.shapeText(shape)
                            + " causes total element count to exceed maximum size of " + Long.MAX_VALUE);
        }
        return count;
    }
}

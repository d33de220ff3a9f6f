package dev.nereid.server.grpc;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.sharedmemory.SharedRange;
import dev.nereid.server.grpc.wire.ContentList;
import dev.nereid.server.grpc.wire.InferMessage;
import dev.nereid.server.grpc.wire.TensorContents;
import dev.nereid.server.grpc.wire.WireParameter;
import dev.nereid.server.v2.OutputChoice;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Finds out what a message asks for, with the errors and in the order of the reference (grpc, 4). For one message; for one
 * thread.
 */
final class InferDecoder {
    private static final long ALIGNMENT = 64;
    private static final String RESERVED = "triton_";
    private static final String EMPTY_FINAL = "triton_enable_empty_final_response";
    private static final String REGION = "shared_memory_region";
    private static final String OFFSET = "shared_memory_offset";
    private static final String BYTE_SIZE = "shared_memory_byte_size";
    private static final String CLASSIFICATION = "classification";

    private final InferMessage.Fields message;
    private final SegmentAllocator allocator;
    private final SharedMemoryRegions regions;
    private int rawUsed;

    /**
     * A request off the wire.
     *
     * @param request what is to be executed
     * @param outputs what the client wants of the outputs that it listed
     * @param wantsEmptyFinal whether the client wants to be told of the end of responses where nothing came with it
     */
    record Decoded(RequestData request, Map<String, OutputChoice> outputs, boolean wantsEmptyFinal) {
    }

    /**
     * Creates a decoder.
     *
     * @param allocator gives memory for inputs in shared memory; it must live until the request is answered
     * @param regions the shared memory that inputs and outputs may name
     */
    InferDecoder(InferMessage.Fields message, SegmentAllocator allocator, SharedMemoryRegions regions) {
        this.message = message;
        this.allocator = allocator;
        this.regions = regions;
    }

    /**
     * Decodes the message.
     *
     * @param forwarded parameters that came as headers; they replace the message's of the same name
     * @throws InferenceException what is wrong
     */
    Decoded decode(Map<String, Parameter> forwarded) {
        Settings settings = new Settings();
        message.parameters().forEach(settings::set);
        checkNames();
        if (!forwarded.isEmpty()) {
            if (settings.parameters.isEmpty()) {
                settings.parameters = new HashMap<>();
            }
            settings.parameters.putAll(forwarded);
        }
        List<InputData> inputs = new ArrayList<>(message.inputs().size());
        for (InferMessage.Input input : message.inputs()) {
            inputs.add(decode(input));
        }
        Map<String, OutputChoice> outputs = message.outputs().isEmpty() ? Map.of() : new LinkedHashMap<>();
        for (InferMessage.Output output : message.outputs()) {
            outputs.put(output.name(), choice(output));
        }
        RequestData request = new RequestData(message.id(), settings.parameters, settings.correlationId,
                settings.isSequenceStart, settings.isSequenceEnd, settings.priority, settings.timeoutMicros, inputs,
                List.copyOf(outputs.keySet()), false);
        return new Decoded(request, outputs, settings.wantsEmptyFinal);
    }

    private void checkNames() {
        if (message.inputs().size() > 1) {
            Set<String> names = new HashSet<>();
            for (InferMessage.Input input : message.inputs()) {
                checkNew(names.add(input.name()), "input", input.name());
            }
        }
        if (message.outputs().size() > 1) {
            Set<String> names = new HashSet<>();
            for (InferMessage.Output output : message.outputs()) {
                checkNew(names.add(output.name()), "output", output.name());
            }
        }
    }

    private void checkNew(boolean isNew, String kind, String name) {
        if (!isNew) {
            throw InferenceException.invalid(
                    RequestIds.prefix(message.id()) + kind + " '" + name + "' already exists in request");
        }
    }

    private InputData decode(InferMessage.Input input) {
        Optional<DataType> dataType = DataType.parse(input.datatype());
        return new InputData(input.name(), dataType, input.shape(), data(input, dataType));
    }

    private MemorySegment data(InferMessage.Input input, Optional<DataType> dataType) {
        Optional<Location> location = location(input.name(), input.parameters());
        if (location.isPresent()) {
            if (input.contents().isPresent()) {
                throw InferenceException.invalid("unexpected 'content' provided when using shared memory for input "
                        + "tensor " + where(input.name()));
            }
            return copy(location.get().resolve(regions));
        }
        if (input.contents().isPresent()) {
            if (!message.rawContents().isEmpty()) {
                throw InferenceException
                        .invalid("contents field must not be specified when using raw_input_contents for "
                                + where(input.name()));
            }
            return typed(input.name(), dataType, input.contents().get());
        }
        if (rawUsed < message.rawContents().size()) {
            return message.rawContents().get(rawUsed++);
        }
        throw InferenceException
                .invalid("unable to find data for input tensor " + where(input.name()) + " in request.");
    }

    private String where(String tensor) {
        return "'" + tensor + "' for model '" + message.modelName() + "'";
    }

    /** Nothing that was checked may change afterwards, and a backend's native code can't survive memory that is gone. */
    private MemorySegment copy(SharedRange shared) {
        MemorySegment own = allocator.allocate(shared.byteSize(), ALIGNMENT);
        shared.read(own);
        return own;
    }

    private MemorySegment typed(String name, Optional<DataType> dataType, TensorContents contents) {
        MemorySegment data = MemorySegment.NULL;
        for (ContentList list : ContentList.values()) {
            MemorySegment elements = contents.elements(list);
            if (elements.byteSize() == 0) {
                continue;
            }
            if (data.byteSize() > 0) {
                throw InferenceException.invalid("unexpected explicit tensor data for input tensor " + where(name)
                        + ", binary data was already supplied.");
            }
            if (dataType.isEmpty() || !fits(list, dataType.get())) {
                throw InferenceException.invalid("unexpected explicit tensor data for input tensor " + where(name)
                        + " of type '" + typeName(list) + "', expected datatype '"
                        + dataType.map(DataType::name).orElse("<invalid>") + "'");
            }
            data = narrow(elements, list, dataType.get());
        }
        return data;
    }

    private static boolean fits(ContentList list, DataType type) {
        return switch (list) {
            case BOOL -> type == DataType.BOOL;
            case INT -> type == DataType.INT8 || type == DataType.INT16 || type == DataType.INT32;
            case INT64 -> type == DataType.INT64;
            case UINT -> type == DataType.UINT8 || type == DataType.UINT16 || type == DataType.UINT32;
            case UINT64 -> type == DataType.UINT64;
            case FP32 -> type == DataType.FP32;
            case FP64 -> type == DataType.FP64;
            case BYTES -> type == DataType.BYTES;
        };
    }

    private static String typeName(ContentList list) {
        return switch (list) {
            case INT -> "INT32";
            case UINT -> "UINT32";
            case BOOL, INT64, UINT64, FP32, FP64, BYTES -> list.name();
        };
    }

    /** Keeps the low bytes of 32-bit elements, in place: what is written lies before what is still to be read. */
    private static MemorySegment narrow(MemorySegment elements, ContentList list, DataType type) {
        long wide = list.elementBytes();
        long narrow = list == ContentList.BYTES ? 0 : type.byteSize();
        if (narrow == wide) {
            return elements;
        }
        long count = elements.byteSize() / wide;
        for (long i = 0; i < count; i++) {
            for (long j = 0; j < narrow; j++) {
                elements.set(ValueLayout.JAVA_BYTE, i * narrow + j, elements.get(ValueLayout.JAVA_BYTE, i * wide + j));
            }
        }
        return elements.asSlice(0, count * narrow);
    }

    private OutputChoice choice(InferMessage.Output output) {
        Optional<Location> location = location(output.name(), output.parameters());
        WireParameter wanted = output.parameters().get(CLASSIFICATION);
        if (wanted == null) {
            return location.<OutputChoice>map(found -> new OutputChoice.SharedMemory(found.resolve(regions)))
                    .orElse(OutputChoice.VALUES);
        }
        if (!(wanted instanceof WireParameter.Value(Parameter.Int(long classes)))) {
            throw InferenceException
                    .invalid("invalid value type for 'classification' parameter, expected int64_param");
        }
        if (classes <= 0) {
            throw InferenceException.invalid("invalid value for 'classification' parameter, expected >= 0");
        }
        if (location.isPresent()) {
            throw InferenceException.invalid("output can't set both 'shared_memory_region' and 'classification'");
        }
        return new OutputChoice.Classes(classes);
    }

    /** A place in shared memory, as parameters name it. */
    private record Location(String region, long offset, long byteSize) {
        SharedRange resolve(SharedMemoryRegions regions) {
            return regions.resolve(region, offset, byteSize);
        }
    }

    private static Optional<Location> location(String tensor, Map<String, WireParameter> parameters) {
        if (parameters.isEmpty()) {
            return Optional.empty();
        }
        WireParameter region = parameters.get(REGION);
        String name = "";
        if (region != null) {
            if (!(region instanceof WireParameter.Value(Parameter.Text(String text)))) {
                throw wrongType(REGION, tensor, "string_param");
            }
            name = text;
        }
        long offset = number(OFFSET, tensor, parameters, region != null).orElse(0L);
        Optional<Long> byteSize = number(BYTE_SIZE, tensor, parameters, region != null);
        if (region == null) {
            return Optional.empty();
        }
        if (byteSize.isEmpty()) {
            throw InferenceException.invalid("'" + BYTE_SIZE + "' must be specified along with '" + REGION
                    + "' parameter for tensor '" + tensor + "'");
        }
        return Optional.of(new Location(name, offset, byteSize.get()));
    }

    private static Optional<Long> number(String name, String tensor, Map<String, WireParameter> parameters,
            boolean hasRegion) {
        WireParameter value = parameters.get(name);
        if (value == null) {
            return Optional.empty();
        }
        if (!hasRegion) {
            throw InferenceException.invalid("'" + name + "' can not be specified without '" + REGION
                    + "' parameter for tensor '" + tensor + "'");
        }
        if (!(value instanceof WireParameter.Value(Parameter.Int(long number)))) {
            throw wrongType(name, tensor, "int64_param");
        }
        return Optional.of(number);
    }

    private static InferenceException wrongType(String name, String tensor, String expected) {
        return InferenceException.invalid("invalid value type for '" + name + "' parameter for tensor '" + tensor
                + "', expected " + expected + ".");
    }

    /** What the parameters of a request say. */
    private static final class Settings {
        private Map<String, Parameter> parameters = Map.of();
        private CorrelationId correlationId = CorrelationId.NONE;
        private boolean isSequenceStart;
        private boolean isSequenceEnd;
        private boolean wantsEmptyFinal;
        private long priority;
        private long timeoutMicros;

        void set(String name, WireParameter value) {
            switch (name) {
                case "sequence_id" -> correlationId = correlationId(value);
                case "sequence_start" -> isSequenceStart = bool(name, value);
                case "sequence_end" -> isSequenceEnd = bool(name, value);
                case "priority" -> priority = priority(value);
                case "timeout" -> timeoutMicros = timeout(value);
                case EMPTY_FINAL -> wantsEmptyFinal = bool(name, value);
                default -> setCustom(name, value);
            }
        }

        private void setCustom(String name, WireParameter value) {
            if (name.startsWith(RESERVED)) {
                throw InferenceException.invalid("parameter keys starting with 'triton_' are reserved for Triton usage."
                        + " Only the following keys starting with 'triton_' are allowed: " + EMPTY_FINAL);
            }
            if (!(value instanceof WireParameter.Value(Parameter parameter))) {
                throw wrongType(name, "int64_param, bool_param, or string_param");
            }
            if (parameters.isEmpty()) {
                parameters = new HashMap<>();
            }
            parameters.put(name, parameter);
        }

        private static CorrelationId correlationId(WireParameter value) {
            return switch (value) {
                case WireParameter.Value(Parameter.Int(long number)) -> new CorrelationId.Numeric(number);
                case WireParameter.Value(Parameter.Text(String text)) -> new CorrelationId.Text(text);
                default -> throw wrongType("sequence_id", "int64_param or string_param");
            };
        }

        private static boolean bool(String name, WireParameter value) {
            if (value instanceof WireParameter.Value(Parameter.Bool(boolean bool))) {
                return bool;
            }
            throw wrongType(name, "bool_param");
        }

        private static long priority(WireParameter value) {
            return switch (value) {
                case WireParameter.Value(Parameter.Int(long number)) when number < 0 ->
                    throw InferenceException.invalid("invalid value for 'priority', expected value >= 0.");
                case WireParameter.Value(Parameter.Int(long number)) -> number;
                case WireParameter.Unsigned(long number) -> number;
                default -> throw wrongType("priority", "int64_param or uint64_param");
            };
        }

        private static long timeout(WireParameter value) {
            if (value instanceof WireParameter.Value(Parameter.Int(long number))) {
                return number;
            }
            throw wrongType("timeout", "int64_param");
        }

        private static InferenceException wrongType(String name, String expected) {
            return InferenceException
                    .invalid("invalid value type for '" + name + "' parameter, expected " + expected + ".");
        }
    }
}

package dev.nereid.server.protocol;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.sharedmemory.SharedRange;
import dev.nereid.json.JsonAccess;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.server.v2.OutputChoice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.LongConsumer;

/**
 * Decodes the body of an inference request. Binary tensors become slices of the body; tensors in JSON are read into
 * memory of their own. Reusable, for one thread at a time; what it returned does not depend on it any longer.
 */
public final class InferRequestDecoder {
    private final JsonDocument document;
    private final InputDecoder inputDecoder = new InputDecoder();

    /** Creates a decoder. */
    public InferRequestDecoder() {
        this(_ -> {
        });
    }

    /**
     * Creates a decoder that asks before its memory grows.
     *
     * @param growth gets the number of bytes that are to be taken from the heap; may throw
     */
    public InferRequestDecoder(LongConsumer growth) {
        document = new JsonDocument(growth);
    }

    /**
     * Decodes a request that is nothing but the data of the model's one input.
     *
     * @param body the whole body
     */
    public static DecodedRequest decodeRaw(MemorySegment body, long maxInputSize) {
        if (body.byteSize() > maxInputSize) {
            throw InferenceException.invalid("Raw input has a byte_size (" + body.byteSize()
                    + " bytes) that exceeds the maximum allowed value of " + maxInputSize
                    + " bytes. Use --http-max-input-size to increase the limit.");
        }
        return new DecodedRequest(RequestData.raw(body), OutputFormats.ALL_BINARY);
    }

    /**
     * Decodes a request.
     *
     * @param json holds the JSON part
     * @param offset where the JSON part starts
     * @param length its length
     * @param binary what follows the JSON part; may be empty
     */
    public DecodedRequest decode(byte[] json, int offset, int length, MemorySegment binary, DecodeContext context) {
        try {
            return decode(document.parse(json, offset, length), binary, context);
        } finally {
            document.forget();
        }
    }

    /**
     * Decodes a request whose JSON part lies off-heap. Nothing of it is looked at any longer afterwards.
     *
     * @param json the JSON part
     * @param window memory for the part of it that is looked at
     * @param binary what follows the JSON part; may be empty
     */
    public DecodedRequest decode(MemorySegment json, byte[] window, MemorySegment binary, DecodeContext context) {
        try {
            return decode(document.parse(json, window), binary, context);
        } finally {
            document.forget();
        }
    }

    private DecodedRequest decode(JsonValue root, MemorySegment binary, DecodeContext context) {
        Settings settings = new Settings();
        Optional<JsonValue> id = root.find("id");
        settings.id = id.isEmpty() ? "" : JsonAccess.parsed(id.get(), "id", JsonValue::asString);
        Optional<JsonValue> parameters = root.find("parameters");
        if (parameters.isPresent()) {
            for (JsonValue.Member member : members(parameters.get())) {
                settings.set(member.name(), member.value());
            }
        }
        List<InputData> inputs = inputs(root, settings.id, binary, context);
        OutputList outputs = new OutputList();
        Optional<JsonValue> listed = root.find("outputs");
        if (listed.isPresent()) {
            for (JsonValue output : JsonAccess.parsed(listed.get(), "outputs", JsonValue::elements)) {
                outputs.add(output, settings.id, context);
            }
        }
        RequestData request = new RequestData(settings.id, settings.parameters, settings.correlationId,
                settings.isSequenceStart, settings.isSequenceEnd, settings.priority, settings.timeoutMicros, inputs,
                outputs.names(), false);
        return new DecodedRequest(request, outputs.plan(settings.isBinaryByDefault));
    }

    private List<InputData> inputs(JsonValue root, String id, MemorySegment binary, DecodeContext context) {
        List<JsonValue> elements = JsonAccess.required(root, "inputs", JsonValue::elements);
        inputDecoder.begin(binary, context);
        List<InputData> inputs;
        if (elements.size() == 1) {
            inputs = List.of(inputDecoder.decode(elements.getFirst(), _ -> {
            }));
        } else {
            inputs = new ArrayList<>(elements.size());
            Set<String> names = new HashSet<>();
            for (JsonValue element : elements) {
                inputs.add(inputDecoder.decode(element, name -> {
                    if (!names.add(name)) {
                        throw InferenceException.invalid(
                                RequestIds.prefix(id) + "input '" + name + "' already exists in request");
                    }
                }));
            }
        }
        inputDecoder.finish();
        return inputs;
    }

    private static List<JsonValue.Member> members(JsonValue parameters) {
        return JsonAccess.prefixed("failed to get request params.", parameters::members);
    }

    /** What stands in a request beside inputs and outputs. */
    private static final class Settings {
        private static final String RESERVED = "triton_";

        String id = "";
        Map<String, Parameter> parameters = Map.of();
        CorrelationId correlationId = CorrelationId.NONE;
        boolean isSequenceStart;
        boolean isSequenceEnd;
        long priority;
        long timeoutMicros;
        boolean isBinaryByDefault;

        void set(String name, JsonValue value) {
            switch (name) {
                case "sequence_id" -> correlationId = correlationId(value);
                case "sequence_start" -> isSequenceStart = JsonAccess.parsed(value, name, JsonValue::asBoolean);
                case "sequence_end" -> isSequenceEnd = JsonAccess.parsed(value, name, JsonValue::asBoolean);
                case "priority" -> priority = JsonAccess.parsed(value, name, JsonValue::asUnsigned);
                case "timeout" -> timeoutMicros = JsonAccess.parsed(value, name, JsonValue::asUnsigned);
                case "binary_data_output" ->
                    isBinaryByDefault = JsonAccess.parsed(value, name, JsonValue::asBoolean);
                default -> {
                    if (name.startsWith(RESERVED)) {
                        throw InferenceException.invalid("parameter keys starting with 'triton_' are reserved for "
                                + "Triton usage and should not be specified.");
                    }
                    if (parameters.isEmpty()) {
                        parameters = new HashMap<>();
                    }
                    parameters.putIfAbsent(name, JsonAccess.parameter(name, value));
                }
            }
        }

        private static CorrelationId correlationId(JsonValue value) {
            if (value.isUnsigned()) {
                return new CorrelationId.Numeric(value.asUnsigned());
            }
            return new CorrelationId.Text(JsonAccess.parsed(value, "sequence_id", JsonValue::asString));
        }
    }

    /** The outputs that a client listed. */
    private static final class OutputList {
        private Map<String, OutputFormats.Format> formats = Map.of();

        List<String> names() {
            return List.copyOf(formats.keySet());
        }

        OutputFormats plan(boolean isBinaryByDefault) {
            return new OutputFormats(formats, isBinaryByDefault);
        }

        void add(JsonValue output, String id, DecodeContext context) {
            Optional<JsonValue> parameters = output.find("parameters");
            refuseContradictions(parameters);
            String name = JsonAccess.required(output, "name", JsonValue::asString);
            if (formats.containsKey(name)) {
                throw InferenceException
                        .invalid(RequestIds.prefix(id) + "output '" + name + "' already exists in request");
            }
            OutputFormats.Format format = format(parameters, context);
            if (formats.isEmpty()) {
                formats = Map.of(name, format);
                return;
            }
            if (formats.size() == 1) {
                formats = new LinkedHashMap<>(formats);
            }
            formats.put(name, format);
        }

        private static OutputFormats.Format format(Optional<JsonValue> parameters, DecodeContext context) {
            if (parameters.isEmpty()) {
                return OutputFormats.JSON;
            }
            Optional<JsonValue> wanted = parameters.get().find("classification");
            long classes = wanted.isEmpty()
                    ? 0
                    : JsonAccess.prefixed("Unable to set 'classification'", wanted.get()::asUnsigned);
            Optional<SharedRange> sharedMemory = InputDecoder.sharedMemory(parameters, context.regions());
            if (sharedMemory.isPresent()) {
                return new OutputFormats.Format(new OutputChoice.SharedMemory(sharedMemory.get()), false);
            }
            boolean isBinary = JsonAccess.optional(parameters, "binary_data", JsonValue::asBoolean, false);
            if (classes != 0) {
                return new OutputFormats.Format(new OutputChoice.Classes(classes), isBinary);
            }
            return isBinary ? OutputFormats.BINARY : OutputFormats.JSON;
        }

        private static void refuseContradictions(Optional<JsonValue> parameters) {
            if (parameters.isEmpty() || !parameters.get().has("shared_memory_region")) {
                return;
            }
            if (parameters.get().has("classification")) {
                throw InferenceException
                        .invalid("Output can't set both 'shared_memory_region' and 'classification'");
            }
            Optional<JsonValue> binary = parameters.get().find("binary_data");
            if (binary.isPresent() && JsonAccess.prefixed("Unable to set 'binary_data'", binary.get()::asBoolean)) {
                throw InferenceException.invalid("Output can't set both 'shared_memory_region' and 'binary_data'");
            }
        }
    }
}

package dev.nereid.server.protocol;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.json.JsonAccess;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The generate extension for one model: plain JSON objects whose keys are the names of tensors and parameters. Safe for
 * any number of threads.
 */
public final class GenerateCodec {
    private static final String NESTED = "parameters";

    private final Map<String, ModelInput> inputs = new HashMap<>();
    private final boolean isBatching;

    /** Prepares the extension for a model. */
    public GenerateCodec(ModelConfig config) {
        isBatching = config.isBatching();
        config.inputs().forEach(input -> inputs.put(input.name(), input));
    }

    /**
     * Decodes a request.
     *
     * @param document is used to parse; its former text is forgotten
     * @param body holds the request
     */
    public RequestData decode(JsonDocument document, byte[] body, int offset, int length, DecodeContext context) {
        JsonValue root = document.parse(body, offset, length);
        String id = JsonAccess.optional(Optional.of(root), "id", JsonValue::asString, "");
        Decoding decoding = new Decoding(id, context);
        long consumed = 0;
        for (JsonValue.Member member : root.members()) {
            if (member.name().equals(NESTED)) {
                decoding.nested(member.value());
            } else {
                consumed = decoding.member(member, consumed);
            }
        }
        return new RequestData(id, decoding.parameters, CorrelationId.NONE, false, false, 0, 0,
                List.copyOf(decoding.tensors.values()), List.of(), false);
    }

    /**
     * Writes one response, its keys sorted. Where this throws, the writer holds a part of an answer and must be reset.
     *
     * @param outputs the outputs in the shapes that clients see
     */
    public void encode(JsonWriter writer, String modelName, String modelVersion, String id,
            Map<String, Parameter> parameters, List<Tensor> outputs) {
        Map<String, Consumer<JsonWriter>> members = new TreeMap<>();
        members.put("model_name", target -> target.string(modelName));
        members.put("model_version", target -> target.string(modelVersion));
        if (!id.isEmpty()) {
            members.put("id", target -> target.string(id));
        }
        parameters.forEach((name, value) -> members.putIfAbsent(name, target -> target.parameter(value)));
        for (Tensor output : outputs) {
            members.putIfAbsent(output.name(), target -> encode(target, output));
        }
        writer.beginObject();
        members.forEach((name, value) -> {
            writer.name(name);
            value.accept(writer);
        });
        writer.endObject();
    }

    private static void encode(JsonWriter writer, Tensor output) {
        boolean isScalar = output.shape().elementCount() == 1;
        if (!isScalar) {
            writer.beginArray();
        }
        TensorJsonWriter.write(writer, output);
        if (!isScalar) {
            writer.endArray();
        }
    }

    /** The request at hand. */
    private final class Decoding {
        final Map<String, InputData> tensors = new LinkedHashMap<>();
        final Map<String, Parameter> parameters = new HashMap<>();
        private final TensorDataReader reader = new TensorDataReader();
        private final String id;
        private final DecodeContext context;

        Decoding(String id, DecodeContext context) {
            this.id = id;
            this.context = context;
        }

        void nested(JsonValue value) {
            if (inputs.containsKey(NESTED)) {
                throw InferenceException
                        .invalid("Keyword '" + NESTED + "' for nested schema also given as input tensor name");
            }
            JsonValue object = JsonAccess.prefixed("Expected JSON object for keyword: '" + NESTED + "'",
                    value::asObject);
            try {
                long consumed = 0;
                for (JsonValue.Member member : object.members()) {
                    consumed = member(member, consumed);
                }
            } catch (InferenceException failure) {
                throw JsonAccess.prefix("Converting keyword: '" + NESTED + "'", failure);
            }
        }

        /** Takes a member as tensor or parameter and returns the bytes of all tensors on this level so far. */
        long member(JsonValue.Member member, long consumed) {
            ModelInput input = inputs.get(member.name());
            if (input == null) {
                parameters.putIfAbsent(member.name(), JsonAccess.parameter(member.name(), member.value()));
                return consumed;
            }
            return consumed + tensor(input, member.value(), consumed);
        }

        private long tensor(ModelInput input, JsonValue value, long consumed) {
            String name = input.name();
            Optional<DataType> dataType = input.dataType();
            long count = value.isArray() ? value.elementCount() : 1;
            boolean isBytes = dataType.isPresent() && dataType.get() == DataType.BYTES;
            long size = isBytes
                    ? reader.bytesSize(value)
                    : count * dataType.map(DataType::byteSize).orElse(1);
            if (size == 0) {
                add(new InputData(name, dataType, new long[0], MemorySegment.NULL));
                return 0;
            }
            if (consumed + size > context.maxInputSize()) {
                throw InferenceException.invalid("request size of " + consumed + " bytes with input '" + name
                        + "' of size " + size + " bytes exceeds the maximum allowed input size of "
                        + context.maxInputSize() + ". Use --http-max-input-size to increase the limit.");
            }
            long[] shape = shape(input, count);
            DataType readable = InputDecoder.readable(name, dataType);
            MemorySegment data = context.allocator().allocate(size, DecodeContext.ALIGNMENT);
            reader.read(value, readable, count, data);
            add(new InputData(name, dataType, shape, data));
            return size;
        }

        private void add(InputData input) {
            if (tensors.putIfAbsent(input.name(), input) != null) {
                throw InferenceException.invalid(
                        RequestIds.prefix(id) + "input '" + input.name() + "' already exists in request");
            }
        }

        /** Fixed dimensions must divide the elements; the innermost open one takes what is left, others become 1. */
        private long[] shape(ModelInput input, long count) {
            Dims dims = isBatching ? input.dims().prepend(Dims.ANY) : input.dims();
            long[] shape = dims.toArray();
            long left = count;
            for (int i = shape.length - 1; i >= 0; i--) {
                if (shape[i] != Dims.ANY) {
                    if (shape[i] == 0 || left % shape[i] != 0) {
                        throw noProperShape(input);
                    }
                    left /= shape[i];
                }
            }
            for (int i = shape.length - 1; i >= 0; i--) {
                if (shape[i] == Dims.ANY) {
                    shape[i] = left;
                    left = 1;
                }
            }
            if (left != 1) {
                throw noProperShape(input);
            }
            return shape;
        }

        private static InferenceException noProperShape(ModelInput input) {
            return InferenceException
                    .invalid("The schema can not convert input '" + input.name() + "' to tensor with proper shape");
        }
    }
}

package dev.nereid.server.protocol;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.OutputChoice;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Encodes the answers of one model version.
 */
public final class InferResponseEncoder {
    private final String modelName;
    private final String modelVersion;
    private final boolean isBatching;
    private final Function<String, List<String>> labels;
    private final LongConsumer heap;

    /**
     * Creates the encoder of a model version.
     *
     * @param labels the labels of an output, by its name; an empty list for none
     * @param heap gets the bytes that classifications are about to take of the Java heap; may throw
     */
    public InferResponseEncoder(String modelName, String modelVersion, boolean isBatching,
            Function<String, List<String>> labels, LongConsumer heap) {
        this.modelName = modelName;
        this.modelVersion = modelVersion;
        this.isBatching = isBatching;
        this.labels = labels;
        this.heap = heap;
    }

    /**
     * Writes the JSON part and returns what follows it. Where this throws, the writer holds a part of an answer and must
     * be reset.
     *
     * @param id the client's id; empty for none
     * @param parameters the response's parameters, written in the order of the map
     * @param outputs the outputs in the order of the response, in the shapes that clients see
     */
    public EncodedResponse encode(JsonWriter writer, String id, Map<String, Parameter> parameters,
            List<Tensor> outputs, OutputFormats plan) {
        int start = writer.size();
        writer.beginObject();
        if (!id.isEmpty()) {
            writer.name("id").string(id);
        }
        writer.name("model_name").string(modelName).name("model_version").string(modelVersion);
        if (!parameters.isEmpty()) {
            writer.name("parameters").beginObject();
            parameters.forEach((name, value) -> writer.name(name).parameter(value));
            writer.endObject();
        }
        List<MemorySegment> binary = List.of();
        long binaryLength = 0;
        writer.name("outputs").beginArray();
        for (int i = 0; i < outputs.size(); i++) {
            Tensor output = outputs.get(i);
            MemorySegment data = encode(writer, output, plan.format(output.name()));
            if (data.byteSize() > 0) {
                binaryLength += data.byteSize();
                binary = plus(binary, data);
            }
        }
        writer.endArray().endObject();
        return new EncodedResponse(writer.size() - start, binary, binaryLength);
    }

    /** Returns a list with one more element; the given one if it can be added to. Most answers have one output. */
    private static List<MemorySegment> plus(List<MemorySegment> list, MemorySegment element) {
        if (list.isEmpty()) {
            return List.of(element);
        }
        List<MemorySegment> longer = list.size() == 1 ? new ArrayList<>(list) : list;
        longer.add(element);
        return longer;
    }

    /** Writes one output and returns the bytes that it adds behind the JSON. */
    private MemorySegment encode(JsonWriter writer, Tensor output, OutputFormats.Format format) {
        return switch (format.choice()) {
            case OutputChoice.Values _ -> encode(writer, output, format.isBinary());
            case OutputChoice.Classes classes -> encode(writer,
                    classes.of(output, labels.apply(output.name()), isBatching, heap), format.isBinary());
            case OutputChoice.SharedMemory sharedMemory -> {
                sharedMemory.write(output);
                describe(writer, output);
                writer.endObject();
                yield MemorySegment.NULL;
            }
        };
    }

    private static MemorySegment encode(JsonWriter writer, Tensor output, boolean isBinary) {
        describe(writer, output);
        if (!isBinary) {
            writer.name("data").beginArray();
            TensorJsonWriter.write(writer, output);
            writer.endArray().endObject();
            return MemorySegment.NULL;
        }
        writer.name("parameters").beginObject().name("binary_data_size").integer(output.byteSize());
        writer.endObject().endObject();
        return output.data();
    }

    /** Opens the output's object and writes what all outputs have. */
    private static void describe(JsonWriter writer, Tensor output) {
        writer.beginObject().name("name").string(output.name()).name("datatype").string(output.dataType().name());
        writer.name("shape").beginArray();
        Shape shape = output.shape();
        for (int i = 0; i < shape.rank(); i++) {
            writer.integer(shape.dimension(i));
        }
        writer.endArray();
    }
}

package dev.nereid.server.protocol;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.server.sharedmemory.SharedRange;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Encodes the answers of one model version. Safe for any number of threads.
 */
public final class InferResponseEncoder {
    private final String modelName;
    private final String modelVersion;
    private final boolean isBatching;
    private final Function<String, List<String>> labels;

    /**
     * Creates the encoder of a model version.
     *
     * @param labels the labels of an output, by its name; an empty list for none
     */
    public InferResponseEncoder(String modelName, String modelVersion, boolean isBatching,
            Function<String, List<String>> labels) {
        this.modelName = modelName;
        this.modelVersion = modelVersion;
        this.isBatching = isBatching;
        this.labels = labels;
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
            List<Tensor> outputs, OutputPlan plan) {
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
        List<MemorySegment> binary = new ArrayList<>(outputs.size());
        long binaryLength = 0;
        writer.name("outputs").beginArray();
        for (Tensor output : outputs) {
            binaryLength += encode(writer, output, plan.format(output.name()), binary);
        }
        writer.endArray().endObject();
        return new EncodedResponse(writer.size() - start, binary, binaryLength);
    }

    /** Writes one output and returns the bytes that it adds behind the JSON. */
    private long encode(JsonWriter writer, Tensor output, OutputPlan.Format format, List<MemorySegment> binary) {
        return switch (format) {
            case OutputPlan.Encoded encoded -> encode(writer, output, encoded.isBinary(), binary);
            case OutputPlan.Classification wanted -> encode(writer,
                    Classification.classify(output, wanted.classes(), labels.apply(output.name()), isBatching),
                    wanted.isBinary(), binary);
            case OutputPlan.SharedMemory sharedMemory -> {
                copy(output, sharedMemory.target());
                describe(writer, output);
                writer.endObject();
                yield 0;
            }
        };
    }

    private static long encode(JsonWriter writer, Tensor output, boolean isBinary, List<MemorySegment> binary) {
        describe(writer, output);
        if (!isBinary) {
            writer.name("data").beginArray();
            TensorJsonWriter.write(writer, output);
            writer.endArray().endObject();
            return 0;
        }
        long size = output.byteSize();
        writer.name("parameters").beginObject().name("binary_data_size").integer(size).endObject().endObject();
        if (size > 0) {
            binary.add(output.data());
        }
        return size;
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

    private static void copy(Tensor output, SharedRange target) {
        if (output.byteSize() > target.byteSize()) {
            throw InferenceException.internal("shared memory size specified with the request for output '"
                    + output.name() + "' (" + target.byteSize() + " bytes) should be at least " + output.byteSize()
                    + " bytes to hold the results");
        }
        target.write(output.data());
    }
}

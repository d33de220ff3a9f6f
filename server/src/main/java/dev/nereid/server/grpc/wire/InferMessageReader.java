package dev.nereid.server.grpc.wire;

import dev.nereid.backend.api.Parameter;
import dev.nereid.engine.memory.BufferScope;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Reads the fields of {@code ModelInferRequest}. What a request may have many of is bounded, since each takes more room
 * here than on the wire.
 */
final class InferMessageReader {
    /** More than any model has. */
    static final int MAX_TENSORS = 16_384;
    static final int MAX_PARAMETERS = 16_384;
    static final int MAX_DIMENSIONS = 4_096;
    static final long MAX_TEXT_BYTES = 16 << 20;
    /** Up to here texts are not worth counting. */
    private static final long FEW_TEXT_BYTES = 16 << 10;

    private static final long[] SCALAR = {};

    private final WireReader reader;
    private final BufferScope scope;
    private int parameters;

    private InferMessageReader(MemorySegment head, BufferScope scope) {
        this.reader = new WireReader(head, MAX_TEXT_BYTES);
        this.scope = scope;
    }

    /**
     * Reads a message.
     *
     * @param head all fields but the raw contents
     * @param rawContents the raw contents
     * @param scope gives memory for typed contents
     * @throws MalformedMessageException when it is none
     */
    static InferMessage.Fields read(MemorySegment head, List<MemorySegment> rawContents, BufferScope scope) {
        return new InferMessageReader(head, scope).read(rawContents);
    }

    private InferMessage.Fields read(List<MemorySegment> rawContents) {
        String modelName = "";
        String modelVersion = "";
        String id = "";
        Map<String, WireParameter> own = Map.of();
        List<InferMessage.Input> inputs = new ArrayList<>(1);
        List<InferMessage.Output> outputs = new ArrayList<>(1);
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            switch (field) {
                case 1 -> modelName = reader.readText();
                case 2 -> modelVersion = reader.readText();
                case 3 -> id = reader.readText();
                case 4 -> own = readParameter(own);
                case 5 -> inputs.add(readInput(inputs.size()));
                case 6 -> outputs.add(readOutput(outputs.size()));
                default -> reader.skip();
            }
        }
        if (reader.textBytes() > FEW_TEXT_BYTES) {
            scope.reserve(reader.textBytes());
        }
        return new InferMessage.Fields(modelName, modelVersion, id, own, inputs, outputs, rawContents);
    }

    private InferMessage.Input readInput(int before) {
        bound(before, MAX_TENSORS, "inputs");
        String name = "";
        String datatype = "";
        long[] shape = SCALAR;
        Map<String, WireParameter> own = Map.of();
        @Nullable
        TensorContents contents = null;
        long outer = reader.enter();
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            switch (field) {
                case 1 -> name = reader.readText();
                case 2 -> datatype = reader.readText();
                case 3 -> shape = readShape(shape);
                case 4 -> own = readParameter(own);
                case 5 -> {
                    if (contents == null) {
                        contents = new TensorContents(scope);
                    }
                    long input = reader.enter();
                    contents.read(reader);
                    reader.leave(input);
                }
                default -> reader.skip();
            }
        }
        reader.leave(outer);
        return new InferMessage.Input(name, datatype, shape, own, Optional.ofNullable(contents));
    }

    private InferMessage.Output readOutput(int before) {
        bound(before, MAX_TENSORS, "outputs");
        String name = "";
        Map<String, WireParameter> own = Map.of();
        long outer = reader.enter();
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            switch (field) {
                case 1 -> name = reader.readText();
                case 2 -> own = readParameter(own);
                default -> reader.skip();
            }
        }
        reader.leave(outer);
        return new InferMessage.Output(name, own);
    }

    /** Returns the dimensions with those that the field adds: one, or a packed list. */
    private long[] readShape(long[] before) {
        if (reader.type() != WireReader.LENGTH_DELIMITED) {
            bound(before.length, MAX_DIMENSIONS, "dimensions of one input");
            long[] shape = Arrays.copyOf(before, before.length + 1);
            shape[before.length] = reader.readVarint();
            return shape;
        }
        long outer = reader.enter();
        long[] shape = before;
        int rank = before.length;
        while (reader.remaining() > 0) {
            shape = plus(shape, rank, reader.varint());
            rank++;
        }
        reader.leave(outer);
        return shape.length == rank ? shape : Arrays.copyOf(shape, rank);
    }

    private static long[] plus(long[] shape, int rank, long dimension) {
        bound(rank, MAX_DIMENSIONS, "dimensions of one input");
        long[] longer = rank < shape.length ? shape : Arrays.copyOf(shape, Math.max(4, rank * 2));
        longer[rank] = dimension;
        return longer;
    }

    private Map<String, WireParameter> readParameter(Map<String, WireParameter> before) {
        bound(parameters, MAX_PARAMETERS, "parameters");
        parameters++;
        String name = "";
        WireParameter value = WireParameter.NONE;
        long outer = reader.enter();
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            switch (field) {
                case 1 -> name = reader.readText();
                case 2 -> value = readValue(value);
                default -> reader.skip();
            }
        }
        reader.leave(outer);
        // The last one of a name counts.
        Map<String, WireParameter> all = before.isEmpty() ? new LinkedHashMap<>() : before;
        all.put(name, value);
        return all;
    }

    private WireParameter readValue(WireParameter before) {
        WireParameter value = before;
        long outer = reader.enter();
        for (int field = reader.nextField(); field != 0; field = reader.nextField()) {
            switch (field) {
                case 1 -> value = new WireParameter.Value(Parameter.of(reader.readBool()));
                case 2 -> value = new WireParameter.Value(Parameter.of(reader.readVarint()));
                case 3 -> value = new WireParameter.Value(Parameter.of(reader.readText()));
                case 4 -> value = new WireParameter.Value(Parameter.of(reader.readDouble()));
                case 5 -> value = new WireParameter.Unsigned(reader.readVarint());
                default -> reader.skip();
            }
        }
        reader.leave(outer);
        return value;
    }

    static void bound(int before, int max, String what) {
        if (before >= max) {
            throw new MalformedMessageException("it has more than " + max + " " + what);
        }
    }
}

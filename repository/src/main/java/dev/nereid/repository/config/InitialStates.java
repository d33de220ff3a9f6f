package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Finds out what the states of a sequence model hold when a sequence starts. The texts are the reference's. */
public final class InitialStates {
    /** The largest state that a sequence may start with: it is in memory as long as the model is. */
    private static final long MAX_BYTES = 1 << 30;
    private static final int BYTES_LENGTH = Integer.BYTES;

    private InitialStates() {
    }

    /**
     * What a state holds at the start.
     *
     * @param inputName the input that gets it
     * @param outputName the output that replaces it
     * @param dataType its element type
     * @param shape its shape, without the batch dimension
     * @param data the content, read-only
     * @param keepsShape whether it stays as it is in shape and type, whatever the model answers
     */
    public record Start(String inputName, String outputName, DataType dataType, Shape shape, MemorySegment data,
            boolean keepsShape) {
    }

    /**
     * Checks the states of a complete configuration and reads their files. Of several entries for one output, the first
     * counts.
     *
     * @throws InferenceException with the first thing that is wrong
     */
    public static List<Start> read(ModelConfig config, Path modelDirectory) {
        List<Start> starts = new ArrayList<>();
        Set<String> inputs = new HashSet<>();
        Set<String> outputs = new HashSet<>();
        for (ModelSequenceBatching.State state : config.getSequenceBatching().getStateList()) {
            Start start = read(state, inputs.contains(state.getInputName()), modelDirectory);
            if (inputs.add(state.getInputName()) && outputs.add(state.getOutputName())) {
                starts.add(start);
            }
        }
        return starts;
    }

    /** Returns a sentence for each entry that {@link #read} passes over. */
    public static List<String> ignored(ModelConfig config) {
        Set<String> inputs = new HashSet<>();
        Set<String> outputs = new HashSet<>();
        List<String> warnings = new ArrayList<>();
        for (ModelSequenceBatching.State state : config.getSequenceBatching().getStateList()) {
            if (!inputs.add(state.getInputName())) {
                warnings.add("state input '" + state.getInputName()
                        + "' is declared more than once, the first entry counts");
            } else if (!outputs.add(state.getOutputName())) {
                warnings.add("state output '" + state.getOutputName()
                        + "' is declared more than once, the first entry counts; input '" + state.getInputName()
                        + "' gets no state");
            }
        }
        return warnings;
    }

    private static Start read(ModelSequenceBatching.State state, boolean isDuplicate, Path modelDirectory) {
        String name = state.getInputName();
        DataType type = ModelConfigs.dataType(state.getDataType()).orElseThrow(
                () -> InferenceException.invalid("state input '" + name + "' must specify 'data_type'"));
        if (state.getInitialStateCount() > 1) {
            throw InferenceException.invalid("initial_state field for state input '" + name
                    + "' must contain exactly one or zero element. Found '" + state.getInitialStateCount()
                    + "' elements.");
        }
        if (state.getInitialStateCount() == 0) {
            long[] dimensions = state.getDimsList().stream().mapToLong(dim -> dim == Dims.ANY ? 1 : dim).toArray();
            Shape shape = Shape.of(dimensions);
            return start(state, type, shape, new byte[zeroBytes(name, type, shape)]);
        }
        ModelSequenceBatching.InitialState initial = state.getInitialState(0);
        check(state, initial, isDuplicate);
        Shape shape = Shape.of(initial.getDimsList().stream().mapToLong(Long::longValue).toArray());
        int expected = zeroBytes(name, type, shape);
        return switch (initial.getStateDataCase()) {
            case ZERO_DATA -> start(state, type, shape, new byte[expected]);
            case DATA_FILE ->
                start(state, type, shape, content(initial.getDataFile(), type, expected, modelDirectory));
            case STATEDATA_NOT_SET -> throw InferenceException
                    .invalid("initial_state setting expects state'" + name + "' to have state_data set");
        };
    }

    private static Start start(ModelSequenceBatching.State state, DataType type, Shape shape, byte[] data) {
        return new Start(state.getInputName(), state.getOutputName(), type, shape,
                MemorySegment.ofArray(data).asReadOnly(),
                state.getUseSameBufferForInputOutput() && !state.getUseGrowableMemory());
    }

    private static void check(ModelSequenceBatching.State state, ModelSequenceBatching.InitialState initial,
            boolean isDuplicate) {
        String name = state.getInputName();
        if (initial.getDataType() != state.getDataType()) {
            throw InferenceException.invalid("The data type used for 'initial_state' field of state '" + name
                    + "' does not match the state data type.");
        }
        if (initial.getName().isEmpty()) {
            throw InferenceException.invalid(
                    "Field 'name' must be set when using initial_state for state input '" + name + "'.");
        }
        if (isDuplicate) {
            throw InferenceException.invalid("State input name '" + name + "' specified more than once.");
        }
        if (initial.getDimsCount() != state.getDimsCount()) {
            throw InferenceException.invalid("Number of dimensions in 'initial_state' doesn't match the size of 'state'"
                    + " dimensions for state input '" + name + "'. " + initial.getDimsCount() + " != "
                    + state.getDimsCount());
        }
        for (int i = 0; i < initial.getDimsCount(); i++) {
            long dim = initial.getDims(i);
            if (dim == Dims.ANY) {
                throw InferenceException.invalid("'initial_state' field for state input name '" + name
                        + "' contains variable dimensions.");
            }
            if (state.getDims(i) != Dims.ANY && state.getDims(i) != dim) {
                throw InferenceException.invalid("'initial_state' dim for input name '" + name
                        + "' doesn't match 'state' dim description. " + dim + " != " + state.getDims(i));
            }
        }
    }

    /** Returns the size of zeros; the empty string is a length of zero. */
    private static int zeroBytes(String name, DataType type, Shape shape) {
        long size = type == DataType.BYTES
                ? Math.multiplyExact(shape.elementCount(), (long) BYTES_LENGTH)
                : Tensor.byteSize(name, type, shape);
        if (size > MAX_BYTES) {
            throw InferenceException.invalid("state input '" + name + "' has " + size + " bytes at the start of a"
                    + " sequence, at most " + MAX_BYTES + " are kept");
        }
        return (int) size;
    }

    private static byte[] content(String file, DataType type, int expected, Path modelDirectory) {
        Path path = ModelFiles.initialStateFile(modelDirectory, file);
        try {
            long size = Files.size(path);
            if (size > MAX_BYTES) {
                throw new InferenceException(StatusCode.INVALID_ARG, "initial state file '" + file + "' has " + size
                        + " bytes, at most " + MAX_BYTES + " are read");
            }
            byte[] content = Files.readAllBytes(path);
            if (type == DataType.BYTES) {
                return content;
            }
            if (content.length < expected) {
                throw InferenceException.invalid("initial_state setting expects " + expected
                        + " bytes, but the data provided from " + file + "only has " + content.length + " bytes.");
            }
            return content.length == expected ? content : Arrays.copyOf(content, expected);
        } catch (IOException e) {
            throw ModelFiles.unreadable(path, e);
        }
    }
}

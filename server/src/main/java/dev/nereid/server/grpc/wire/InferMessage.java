package dev.nereid.server.grpc.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.memory.BufferScope;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A request for inference as it came: the fields of {@code ModelInferRequest}, not yet looked at. Whoever gets it closes
 * it. For one thread at a time.
 */
public final class InferMessage implements AutoCloseable {
    private final Fields fields;
    private final BufferScope scope;
    private final Optional<InferenceException> failure;

    /**
     * The fields.
     *
     * @param modelName the model
     * @param modelVersion its version as text; empty for none
     * @param id the client's id; empty for none
     * @param parameters parameters by name
     * @param inputs the inputs
     * @param outputs the outputs that the client wants; empty for all
     * @param rawContents the bytes of inputs
     */
    public record Fields(String modelName, String modelVersion, String id, Map<String, WireParameter> parameters,
            List<Input> inputs, List<Output> outputs, List<MemorySegment> rawContents) {
        static final Fields EMPTY = new Fields("", "", "", Map.of(), List.of(), List.of(), List.of());
    }

    /**
     * An input.
     *
     * @param name its name
     * @param datatype the name of its datatype
     * @param shape its dimensions, outermost first
     * @param parameters parameters by name
     * @param contents its elements, where they came typed
     */
    @SuppressWarnings("ArrayRecordComponent") // handed on, not compared
    public record Input(String name, String datatype, long[] shape, Map<String, WireParameter> parameters,
            Optional<TensorContents> contents) {
    }

    /**
     * An output that the client wants.
     *
     * @param name its name
     * @param parameters parameters by name
     */
    public record Output(String name, Map<String, WireParameter> parameters) {
    }

    InferMessage(Fields fields, BufferScope scope) {
        this.fields = fields;
        this.scope = scope;
        this.failure = Optional.empty();
    }

    InferMessage(InferenceException failure, BufferScope scope) {
        this.fields = Fields.EMPTY;
        this.scope = scope;
        this.failure = Optional.of(failure);
    }

    /** Returns the fields; all are empty where reading failed. */
    public Fields fields() {
        return fields;
    }

    /** Returns why the message can't be used. */
    public Optional<InferenceException> failure() {
        return failure;
    }

    /** Returns what the message's memory belongs to; more may be added. */
    public BufferScope scope() {
        return scope;
    }

    /** Gives the memory back. Further calls do nothing. */
    @Override
    public void close() {
        scope.close();
    }
}

package dev.nereid.server.grpc.wire;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.tensor.Shape;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * An answer, ready to be written: {@code ModelInferResponse}, alone or within {@code ModelStreamInferResponse}. The
 * tensors are written from where they are, so they must live until then.
 */
public final class InferAnswer {
    /** The largest message that a client can read. */
    public static final long MAX_BYTES = Integer.MAX_VALUE;
    /** The transport adds its own 5 bytes to a message before it counts. */
    private static final long MAX_SENT_BYTES = MAX_BYTES - 5;

    private static final int COPY_BYTES = 32 << 10;
    private static final int RAW_FIELD = 6;
    private static final int RESPONSE_FIELD = 2;
    private static final int TENSOR_CAPACITY = 96;

    private final WireWriter head;
    private final List<MemorySegment> tensors;
    private final long byteSize;

    private InferAnswer(WireWriter head, List<MemorySegment> tensors, long byteSize) {
        this.head = head;
        this.tensors = tensors;
        this.byteSize = byteSize;
    }

    /**
     * An output.
     *
     * @param name its name
     * @param datatype the name of its datatype
     * @param shape its shape
     * @param data its bytes; empty where they were written to shared memory
     */
    public record Output(String name, String datatype, Shape shape, MemorySegment data) {
    }

    /**
     * What all answers say.
     *
     * @param modelName the model
     * @param modelVersion its version
     * @param id the client's id
     * @param parameters response parameters, written in the order of the map
     */
    public record About(String modelName, String modelVersion, String id, Map<String, Parameter> parameters) {
    }

    /**
     * Returns an answer to a call.
     *
     * @throws InferenceException INVALID_ARG when it is larger than a message may be
     */
    public static InferAnswer of(About about, List<Output> outputs) {
        return build(about, outputs, "", false);
    }

    /**
     * Returns an answer on a stream.
     *
     * @throws InferenceException as {@link #of}
     */
    public static InferAnswer onStream(About about, List<Output> outputs) {
        return build(about, outputs, "", true);
    }

    /** Returns the answer on a stream to a request that failed. */
    public static InferAnswer failure(About about, String error) {
        return build(about, List.of(), error, true);
    }

    private static InferAnswer build(About about, List<Output> outputs, String error, boolean isOnStream) {
        WireWriter writer = new WireWriter(TENSOR_CAPACITY * (2 + outputs.size()));
        writer.textUnlessEmpty(1, about.modelName()).textUnlessEmpty(2, about.modelVersion())
                .textUnlessEmpty(3, about.id());
        WireWriter nested = new WireWriter(TENSOR_CAPACITY);
        about.parameters().forEach((name, value) -> writer.message(4, parameter(nested.reset(), name, value)));
        List<MemorySegment> tensors = new ArrayList<>(outputs.size());
        long raw = 0;
        for (Output output : outputs) {
            writer.message(5, output(nested.reset(), output));
            long size = output.data().byteSize();
            tensors.add(output.data());
            raw += 1 + WireWriter.varintSize(size) + size;
        }
        if (!isOnStream) {
            return checked(writer, tensors, writer.size() + raw);
        }
        WireWriter outer = new WireWriter(writer.size() + error.length() + 16).textUnlessEmpty(1, error);
        outer.tag(RESPONSE_FIELD, WireReader.LENGTH_DELIMITED).varint(writer.size() + raw);
        outer.append(writer);
        return checked(outer, tensors, outer.size() + raw);
    }

    private static InferAnswer checked(WireWriter head, List<MemorySegment> tensors, long byteSize) {
        if (byteSize > MAX_SENT_BYTES) {
            throw InferenceException.invalid("Response has byte size " + byteSize
                    + " which exceeds gRPC's byte size limit " + MAX_BYTES + ".");
        }
        return new InferAnswer(head, tensors, byteSize);
    }

    private static WireWriter parameter(WireWriter writer, String name, Parameter value) {
        writer.text(1, name);
        WireWriter choice = new WireWriter(16);
        switch (value) {
            case Parameter.Bool bool -> choice.integer(1, bool.value() ? 1 : 0);
            case Parameter.Int integer -> choice.integer(2, integer.value());
            case Parameter.Text text -> choice.text(3, text.value());
            case Parameter.Real real -> choice.fixed64(4, Double.doubleToRawLongBits(real.value()));
        }
        return writer.message(2, choice);
    }

    private static WireWriter output(WireWriter writer, Output output) {
        writer.textUnlessEmpty(1, output.name()).textUnlessEmpty(2, output.datatype());
        Shape shape = output.shape();
        if (shape.rank() > 0) {
            int packed = 0;
            for (int i = 0; i < shape.rank(); i++) {
                packed += WireWriter.varintSize(shape.dimension(i));
            }
            writer.tag(3, WireReader.LENGTH_DELIMITED).varint(packed);
            for (int i = 0; i < shape.rank(); i++) {
                writer.varint(shape.dimension(i));
            }
        }
        return writer;
    }

    /** Returns the bytes of the message. */
    public int byteSize() {
        return (int) byteSize;
    }

    /** Writes the message. Each tensor goes through a small array, since the transport takes nothing else. */
    void writeTo(OutputStream out) throws IOException {
        out.write(head.bytes(), 0, head.size());
        WireWriter start = new WireWriter(16);
        byte[] some = new byte[(int) Math.min(COPY_BYTES, largest())];
        for (MemorySegment tensor : tensors) {
            start.reset().tag(RAW_FIELD, WireReader.LENGTH_DELIMITED).varint(tensor.byteSize());
            out.write(start.bytes(), 0, start.size());
            for (long offset = 0; offset < tensor.byteSize(); offset += some.length) {
                int count = (int) Math.min(some.length, tensor.byteSize() - offset);
                MemorySegment.copy(tensor, ValueLayout.JAVA_BYTE, offset, some, 0, count);
                out.write(some, 0, count);
            }
        }
    }

    private long largest() {
        long largest = 0;
        for (MemorySegment tensor : tensors) {
            largest = Math.max(largest, tensor.byteSize());
        }
        return largest;
    }
}

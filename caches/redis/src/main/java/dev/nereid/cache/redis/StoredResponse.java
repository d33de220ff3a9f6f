package dev.nereid.cache.redis;

import dev.nereid.backend.api.cache.ResponseCache;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * A response as it lies in Redis: a mark, the number of outputs, and for each its name, datatype, rank, dimensions, size and
 * bytes; numbers are big-endian. The arrays that hold it are the garbage collector's.
 */
final class StoredResponse implements ResponseCache.Entry {
    private static final int MARK = 0x4e524331;

    private final List<Tensor> outputs;

    private StoredResponse(List<Tensor> outputs) {
        this.outputs = outputs;
    }

    /** Returns how many bytes outputs take. */
    static long size(List<Tensor> outputs) {
        long size = 2L * Integer.BYTES;
        for (Tensor output : outputs) {
            size += 3L * Integer.BYTES + utf8(output.name()).length + utf8(output.dataType().name()).length
                    + (output.shape().rank() + 1L) * Long.BYTES + output.byteSize();
        }
        return size;
    }

    /** Returns the bytes of outputs, which fit into an array. */
    static byte[] write(List<Tensor> outputs) {
        ByteBuffer buffer = ByteBuffer.allocate((int) size(outputs));
        buffer.putInt(MARK).putInt(outputs.size());
        for (Tensor output : outputs) {
            put(buffer, output.name());
            put(buffer, output.dataType().name());
            buffer.putInt(output.shape().rank());
            for (long dimension : output.shape().toArray()) {
                buffer.putLong(dimension);
            }
            buffer.putLong(output.byteSize());
            int size = (int) output.byteSize();
            MemorySegment.copy(output.data(), 0, MemorySegment.ofArray(buffer.array()), buffer.position(), size);
            buffer.position(buffer.position() + size);
        }
        return buffer.array();
    }

    /**
     * Reads what was written.
     *
     * @throws IllegalArgumentException when it is something else
     */
    static StoredResponse read(byte[] bytes) {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(bytes);
            if (buffer.getInt() != MARK) {
                throw new IllegalArgumentException("it is none of a Nereid server");
            }
            int count = buffer.getInt();
            List<Tensor> outputs = new ArrayList<>();
            MemorySegment all = MemorySegment.ofArray(bytes).asReadOnly();
            for (int i = 0; i < count; i++) {
                String name = text(buffer);
                DataType type = DataType.valueOf(text(buffer));
                int rank = buffer.getInt();
                if (rank < 0 || rank > buffer.remaining() / Long.BYTES) {
                    throw new IllegalArgumentException("an output has rank " + rank);
                }
                long[] dimensions = new long[rank];
                for (int j = 0; j < rank; j++) {
                    dimensions[j] = buffer.getLong();
                }
                long size = buffer.getLong();
                if (size < 0 || size > buffer.remaining()) {
                    throw new IllegalArgumentException("an output of " + size + " bytes is cut off");
                }
                outputs.add(new Tensor(name, type, Shape.of(dimensions), all.asSlice(buffer.position(), size)));
                buffer.position(buffer.position() + (int) size);
            }
            return new StoredResponse(List.copyOf(outputs));
        } catch (BufferUnderflowException e) {
            throw new IllegalArgumentException("it is cut off", e);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void put(ByteBuffer buffer, String text) {
        byte[] bytes = utf8(text);
        buffer.putInt(bytes.length).put(bytes);
    }

    private static String text(ByteBuffer buffer) {
        int length = buffer.getInt();
        if (length < 0 || length > buffer.remaining()) {
            throw new IllegalArgumentException("a text of " + length + " bytes is cut off");
        }
        byte[] bytes = new byte[length];
        buffer.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Override
    public List<Tensor> outputs() {
        return outputs;
    }

    @Override
    public void retain() {
        // The garbage collector sees to it.
    }

    @Override
    public void release() {
        // The garbage collector sees to it.
    }
}

package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** A tensor with its bytes on the heap: what a test sends, or a copy of what a backend answered. */
public final class TestTensor {
    private final String name;
    private final DataType dataType;
    private final Shape shape;
    private final byte[] data;

    private TestTensor(String name, DataType dataType, Shape shape, byte[] data) {
        this.name = name;
        this.dataType = dataType;
        this.shape = shape;
        this.data = data;
    }

    /** Returns a tensor with those little-endian bytes, unchecked. */
    public static TestTensor of(String name, DataType dataType, Shape shape, byte... data) {
        return new TestTensor(name, dataType, shape, data.clone());
    }

    /** Returns an FP32 tensor. */
    public static TestTensor fp32(String name, Shape shape, float... values) {
        byte[] data = new byte[values.length * Float.BYTES];
        littleEndian(data).asFloatBuffer().put(values);
        return new TestTensor(name, DataType.FP32, shape, data);
    }

    /** Returns an FP64 tensor. */
    public static TestTensor fp64(String name, Shape shape, double... values) {
        byte[] data = new byte[values.length * Double.BYTES];
        littleEndian(data).asDoubleBuffer().put(values);
        return new TestTensor(name, DataType.FP64, shape, data);
    }

    /** Returns an INT32 tensor. */
    public static TestTensor int32(String name, Shape shape, int... values) {
        byte[] data = new byte[values.length * Integer.BYTES];
        littleEndian(data).asIntBuffer().put(values);
        return new TestTensor(name, DataType.INT32, shape, data);
    }

    /** Returns an INT64 tensor. */
    public static TestTensor int64(String name, Shape shape, long... values) {
        byte[] data = new byte[values.length * Long.BYTES];
        littleEndian(data).asLongBuffer().put(values);
        return new TestTensor(name, DataType.INT64, shape, data);
    }

    /** Returns a BYTES tensor whose elements are those texts in UTF-8. */
    public static TestTensor strings(String name, Shape shape, String... values) {
        List<byte[]> elements = Stream.of(values).map(value -> value.getBytes(StandardCharsets.UTF_8)).toList();
        byte[] data = new byte[Math.toIntExact(BytesElements.byteSize(elements))];
        BytesElements.write(elements, MemorySegment.ofArray(data));
        return new TestTensor(name, DataType.BYTES, shape, data);
    }

    /** Returns a tensor with the bytes 0, 1, 2, ... (alternately 0 and 1 for BOOL; texts for BYTES) in every element. */
    public static TestTensor counting(String name, DataType dataType, Shape shape) {
        int count = Math.toIntExact(shape.elementCount());
        if (dataType == DataType.BYTES) {
            String[] texts = new String[count];
            for (int i = 0; i < count; i++) {
                texts[i] = "x".repeat(i % 5) + i;
            }
            return strings(name, shape, texts);
        }
        byte[] data = new byte[count * dataType.byteSize()];
        for (int i = 0; i < data.length; i++) {
            data[i] = (byte) (dataType == DataType.BOOL ? i % 2 : i % 120);
        }
        return new TestTensor(name, dataType, shape, data);
    }

    /** Returns the input's or output's name. */
    public String name() {
        return name;
    }

    /** Returns the element type. */
    public DataType dataType() {
        return dataType;
    }

    /** Returns the dimensions. */
    public Shape shape() {
        return shape;
    }

    /** Returns a copy of the bytes. */
    public byte[] bytes() {
        return data.clone();
    }

    /** Returns the elements of an FP32 tensor. */
    public float[] floats() {
        float[] values = new float[data.length / Float.BYTES];
        expect(DataType.FP32).asFloatBuffer().get(values);
        return values;
    }

    /** Returns the elements of an FP64 tensor. */
    public double[] doubles() {
        double[] values = new double[data.length / Double.BYTES];
        expect(DataType.FP64).asDoubleBuffer().get(values);
        return values;
    }

    /** Returns the elements of an INT32 tensor. */
    public int[] ints() {
        int[] values = new int[data.length / Integer.BYTES];
        expect(DataType.INT32).asIntBuffer().get(values);
        return values;
    }

    /** Returns the elements of an INT64 tensor. */
    public long[] longs() {
        long[] values = new long[data.length / Long.BYTES];
        expect(DataType.INT64).asLongBuffer().get(values);
        return values;
    }

    /** Returns the elements of a BYTES tensor as UTF-8 texts. */
    public List<String> strings() {
        expect(DataType.BYTES);
        return BytesElements.copies(MemorySegment.ofArray(data)).stream()
                .map(element -> new String(element, StandardCharsets.UTF_8)).toList();
    }

    /** Copies the bytes to native memory. */
    void writeTo(MemorySegment target) {
        MemorySegment.copy(data, 0, target, ValueLayout.JAVA_BYTE, 0, data.length);
    }

    /** Returns whether native memory holds these bytes and nothing else. */
    boolean isIn(MemorySegment memory) {
        return memory.mismatch(MemorySegment.ofArray(data)) < 0;
    }

    int byteSize() {
        return data.length;
    }

    /** Returns the tensor cut or repeated along the first dimension to that many rows; fixed-size datatypes only. */
    TestTensor withRows(int rows) {
        Shape cut = shape.withFirst(rows);
        if (dataType == DataType.BYTES) {
            return counting(name, dataType, cut);
        }
        byte[] bytes = new byte[Math.toIntExact(cut.elementCount() * dataType.byteSize())];
        for (int i = 0; i < bytes.length && data.length > 0; i++) {
            bytes[i] = data[i % data.length];
        }
        return new TestTensor(name, dataType, cut, bytes);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof TestTensor tensor && name.equals(tensor.name) && dataType == tensor.dataType
                && shape.equals(tensor.shape) && Arrays.equals(data, tensor.data);
    }

    @Override
    public int hashCode() {
        return 31 * name.hashCode() + Arrays.hashCode(data);
    }

    @Override
    public String toString() {
        int shown = Math.min(data.length, 32);
        return name + " " + dataType + shape + " " + Arrays.toString(Arrays.copyOf(data, shown))
                + (shown < data.length ? "..." : "");
    }

    private ByteBuffer expect(DataType expected) {
        if (dataType != expected) {
            throw new AssertionError("tensor '" + name + "' is " + dataType + ", expected " + expected);
        }
        return littleEndian(data);
    }

    private static ByteBuffer littleEndian(byte[] data) {
        return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    }
}

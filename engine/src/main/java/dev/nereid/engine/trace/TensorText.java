package dev.nereid.engine.trace;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Tensors as text: values and dimensions, separated by commas. */
final class TensorText {
    /** A trace is for reading; what is longer ends with dots. */
    static final int MAX_LENGTH = 1 << 20;
    private static final String MORE = ",...";

    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);

    private TensorText() {
    }

    static String shape(Shape shape) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < shape.rank(); i++) {
            text.append(i == 0 ? "" : ",").append(shape.dimension(i));
        }
        return text.toString();
    }

    static String values(Tensor tensor) {
        return tensor.dataType() == DataType.BYTES ? strings(tensor.data()) : numbers(tensor);
    }

    private static String numbers(Tensor tensor) {
        int size = tensor.dataType().byteSize();
        long count = tensor.byteSize() / size;
        StringBuilder text = new StringBuilder();
        for (long i = 0; i < count; i++) {
            if (text.length() > MAX_LENGTH) {
                return text.append(MORE).toString();
            }
            text.append(i == 0 ? "" : ",");
            number(text, tensor.dataType(), tensor.data(), i * size);
        }
        return text.toString();
    }

    private static void number(StringBuilder text, DataType type, MemorySegment data, long at) {
        switch (type) {
            case BOOL -> text.append(data.get(ValueLayout.JAVA_BYTE, at) != 0);
            case UINT8 -> text.append(data.get(ValueLayout.JAVA_BYTE, at) & 0xff);
            case INT8 -> text.append(data.get(ValueLayout.JAVA_BYTE, at));
            case UINT16 -> text.append(data.get(SHORT, at) & 0xffff);
            case INT16 -> text.append(data.get(SHORT, at));
            case UINT32 -> text.append(Integer.toUnsignedString(data.get(INT, at)));
            case INT32 -> text.append(data.get(INT, at));
            case UINT64 -> text.append(Long.toUnsignedString(data.get(LONG, at)));
            case INT64 -> text.append(data.get(LONG, at));
            case FP16 -> text.append(Float.float16ToFloat(data.get(SHORT, at)));
            case BF16 -> text.append(Float.intBitsToFloat(data.get(SHORT, at) << 16));
            case FP32 -> text.append(data.get(FLOAT, at));
            case FP64 -> text.append(data.get(DOUBLE, at));
            case BYTES -> throw new IllegalArgumentException("strings are no numbers");
        }
    }

    private static String strings(MemorySegment data) {
        StringBuilder text = new StringBuilder();
        for (long at = 0; at + Integer.BYTES <= data.byteSize();) {
            if (text.length() > MAX_LENGTH) {
                return text.append(MORE).toString();
            }
            long length = Integer.toUnsignedLong(data.get(INT, at));
            long start = at + Integer.BYTES;
            long shown = Math.min(Math.min(length, data.byteSize() - start), MAX_LENGTH);
            text.append(at == 0 ? "" : ",");
            text.append(new String(data.asSlice(start, shown).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
            at = start + length;
        }
        return text.toString();
    }
}

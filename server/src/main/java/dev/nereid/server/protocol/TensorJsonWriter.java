package dev.nereid.server.protocol;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.json.JsonWriter;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Writes the values of a tensor as JSON values, one after the other. */
final class TensorJsonWriter {
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

    private TensorJsonWriter() {
    }

    static void write(JsonWriter writer, Tensor tensor) {
        MemorySegment data = tensor.data();
        long size = data.byteSize();
        switch (tensor.dataType()) {
            case BOOL -> {
                for (long i = 0; i < size; i++) {
                    writer.bool(data.get(ValueLayout.JAVA_BYTE, i) != 0);
                }
            }
            case UINT8 -> {
                for (long i = 0; i < size; i++) {
                    writer.integer(data.get(ValueLayout.JAVA_BYTE, i) & 0xFF);
                }
            }
            case UINT16 -> {
                for (long i = 0; i < size; i += Short.BYTES) {
                    writer.integer(data.get(SHORT, i) & 0xFFFF);
                }
            }
            case UINT32 -> {
                for (long i = 0; i < size; i += Integer.BYTES) {
                    writer.integer(Integer.toUnsignedLong(data.get(INT, i)));
                }
            }
            case UINT64 -> {
                for (long i = 0; i < size; i += Long.BYTES) {
                    writer.unsigned(data.get(LONG, i));
                }
            }
            case INT8 -> {
                for (long i = 0; i < size; i++) {
                    writer.integer(data.get(ValueLayout.JAVA_BYTE, i));
                }
            }
            case INT16 -> {
                for (long i = 0; i < size; i += Short.BYTES) {
                    writer.integer(data.get(SHORT, i));
                }
            }
            case INT32 -> {
                for (long i = 0; i < size; i += Integer.BYTES) {
                    writer.integer(data.get(INT, i));
                }
            }
            case INT64 -> {
                for (long i = 0; i < size; i += Long.BYTES) {
                    writer.integer(data.get(LONG, i));
                }
            }
            case FP32 -> {
                for (long i = 0; i < size; i += Float.BYTES) {
                    writer.number(data.get(FLOAT, i));
                }
            }
            case FP64 -> {
                for (long i = 0; i < size; i += Double.BYTES) {
                    writer.number(data.get(DOUBLE, i));
                }
            }
            case BYTES -> writeStrings(writer, tensor);
            case FP16, BF16 -> throw InferenceException.invalid("sending " + tensor.dataType()
                    + " data via JSON is not supported. Please use the binary data format for output");
        }
    }

    private static void writeStrings(JsonWriter writer, Tensor tensor) {
        MemorySegment data = tensor.data();
        long size = data.byteSize();
        long expected = tensor.shape().elementCount();
        long offset = 0;
        long count = 0;
        while (offset < size) {
            long length = size - offset < Integer.BYTES
                    ? Long.MAX_VALUE
                    : Integer.toUnsignedLong(data.get(INT, offset));
            offset += Integer.BYTES;
            if (length > size - offset || count == expected) {
                throw mismatch(tensor);
            }
            writer.string(data, offset, length);
            offset += length;
            count++;
        }
        if (count != expected) {
            throw mismatch(tensor);
        }
    }

    private static InferenceException mismatch(Tensor tensor) {
        return InferenceException
                .internal("output tensor shape does not match size of output for '" + tensor.name() + "'");
    }
}

package dev.nereid.server.v2;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.LongConsumer;

/** Replaces an output by the largest values of each batch entry, as texts {@code value:index:label}. */
final class Classification {
    private static final int MAX_ELEMENTS = 1_000_000;
    private static final int DECIMALS = 6;
    /** What a kept value takes while values are compared. */
    private static final int BYTES_PER_CANDIDATE = 32;
    /** What a text takes beside its label: {@code value:index:}, its array, and its place in the tensor. */
    private static final int BYTES_PER_TEXT = 128;
    private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(LITTLE_ENDIAN);
    private static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(LITTLE_ENDIAN);

    private Classification() {
    }

    /**
     * Returns the replacement.
     *
     * @param classes how many values each batch entry keeps, unsigned
     * @param heap gets, before they are taken, the bytes that this takes of the Java heap; may throw
     */
    static Tensor classify(Tensor output, long classes, List<String> labels, boolean isBatching, LongConsumer heap) {
        DataType type = output.dataType();
        if (!isSortable(type)) {
            throw InferenceException
                    .invalid("class result not available for output due to unsupported type '" + type + "'");
        }
        boolean hasBatch = isBatching && output.shape().rank() > 0 && output.shape().dimension(0) > 0;
        long batch = hasBatch ? output.shape().dimension(0) : 1;
        long perEntry = (hasBatch ? output.shape().withoutFirst() : output.shape()).elementCount();
        if (perEntry > MAX_ELEMENTS) {
            throw InferenceException.invalid("classification output tensor too large");
        }
        long kept = Long.compareUnsigned(classes, perEntry) < 0 ? classes : perEntry;
        int longestLabel = labels.stream().mapToInt(String::length).max().orElse(0);
        heap.accept(perEntry * Long.BYTES + kept * BYTES_PER_CANDIDATE
                + batch * kept * (BYTES_PER_TEXT + 2L * longestLabel));
        List<byte[]> texts = new ArrayList<>();
        for (long entry = 0; entry < batch; entry++) {
            long size = perEntry * type.byteSize();
            addLargest(output.data().asSlice(entry * size, size), type, (int) kept, labels, texts);
        }
        MemorySegment data = MemorySegment.ofArray(new byte[Math.toIntExact(BytesElements.byteSize(texts))]);
        BytesElements.write(texts, data);
        Shape shape = hasBatch ? Shape.of(batch, kept) : Shape.of(kept);
        return new Tensor(output.name(), DataType.BYTES, shape, data);
    }

    private static boolean isSortable(DataType type) {
        return switch (type) {
            case UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP32, FP64 -> true;
            case BOOL, FP16, BF16, BYTES -> false;
        };
    }

    private static void addLargest(MemorySegment data, DataType type, int kept, List<String> labels,
            List<byte[]> texts) {
        if (kept == 0) {
            return;
        }
        long[] keys = new long[(int) (data.byteSize() / type.byteSize())];
        // The weakest candidate first; of equal values the earlier one is stronger.
        Comparator<Integer> weakest = (left, right) -> keys[left] == keys[right]
                ? Integer.compare(right, left)
                : Long.compare(keys[left], keys[right]);
        PriorityQueue<Integer> strongest = new PriorityQueue<>(kept, weakest);
        for (int i = 0; i < keys.length; i++) {
            keys[i] = key(data, type, i);
            if (strongest.size() < kept) {
                strongest.add(i);
            } else if (keys[i] > keys[strongest.element()]) {
                strongest.remove();
                strongest.add(i);
            }
        }
        List<Integer> order = new ArrayList<>(strongest);
        order.sort(weakest.reversed());
        for (int index : order) {
            String label = index < labels.size() ? ":" + labels.get(index) : "";
            texts.add((text(data, type, index) + ":" + index + label).getBytes(UTF_8));
        }
    }

    /** Returns a number that sorts as the value does. */
    private static long key(MemorySegment data, DataType type, int index) {
        return switch (type) {
            case UINT64 -> integer(data, type, index) ^ Long.MIN_VALUE;
            case FP32, FP64 -> {
                // Adding zero makes one of the two zeros.
                long bits = Double.doubleToLongBits(real(data, type, index) + 0.0);
                yield bits ^ ((bits >> 63) & Long.MAX_VALUE);
            }
            default -> integer(data, type, index);
        };
    }

    private static String text(MemorySegment data, DataType type, int index) {
        return switch (type) {
            case UINT64 -> Long.toUnsignedString(integer(data, type, index));
            case FP32, FP64 -> sixDecimals(real(data, type, index));
            default -> Long.toString(integer(data, type, index));
        };
    }

    private static long integer(MemorySegment data, DataType type, int index) {
        return switch (type) {
            case UINT8 -> data.get(ValueLayout.JAVA_BYTE, index) & 0xFF;
            case INT8 -> data.get(ValueLayout.JAVA_BYTE, index);
            case UINT16 -> data.get(SHORT, 2L * index) & 0xFFFF;
            case INT16 -> data.get(SHORT, 2L * index);
            case UINT32 -> Integer.toUnsignedLong(data.get(INT, 4L * index));
            case INT32 -> data.get(INT, 4L * index);
            default -> data.get(LONG, 8L * index);
        };
    }

    private static double real(MemorySegment data, DataType type, int index) {
        return type == DataType.FP32 ? data.get(FLOAT, 4L * index) : data.get(DOUBLE, 8L * index);
    }

    /** Writes a number as C's {@code %f} does. */
    static String sixDecimals(double value) {
        String sign = Double.doubleToRawLongBits(value) < 0 ? "-" : "";
        if (Double.isNaN(value)) {
            return sign + "nan";
        }
        if (Double.isInfinite(value)) {
            return sign + "inf";
        }
        return sign + new BigDecimal(Math.abs(value)).setScale(DECIMALS, RoundingMode.HALF_EVEN).toPlainString();
    }
}

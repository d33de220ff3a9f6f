package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.config.Scheduling.Control;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The inputs that tell a model where in its sequence a request is (scheduling, 1.7). Those that don't depend on the
 * sequence are made once. Immutable.
 */
final class ControlInputs {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED
            .withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int FLAGS = 3;

    private final List<ControlInput> ids;
    private final Shape shape;
    /** The tensors that tell flags, for each combination of these. */
    private final List<List<Tensor>> byFlags = new ArrayList<>();
    private final List<Tensor> noIds;

    /** Makes the inputs; where a tensor is to tell several things, the last of them counts. */
    ControlInputs(List<ControlInput> inputs, boolean isBatching) {
        List<ControlInput> used = inputs.stream().filter(input -> !input.controls().isEmpty()).toList();
        shape = isBatching ? Shape.of(1, 1) : Shape.of(1);
        ids = used.stream().filter(input -> tells(input).kind() == ControlKind.CORRELATION_ID).toList();
        List<ControlInput> flags = used.stream().filter(input -> !ids.contains(input)).toList();
        for (int i = 0; i < 1 << FLAGS; i++) {
            int combination = i;
            byFlags.add(flags.stream().map(input -> flag(input.name(), tells(input), combination)).toList());
        }
        noIds = ids(new CorrelationId.Numeric(0));
    }

    private static Control tells(ControlInput input) {
        return input.controls().getLast();
    }

    private static int combination(boolean isStart, boolean isEnd, boolean isReady) {
        return (isStart ? 1 : 0) | (isEnd ? 2 : 0) | (isReady ? 4 : 0);
    }

    private Tensor flag(String name, Control control, int combination) {
        boolean isSet = (combination & switch (control.kind()) {
            case START -> 1;
            case END -> 2;
            case READY -> 4;
            case CORRELATION_ID -> throw new IllegalArgumentException("an id is no flag");
        }) != 0;
        double value = isSet ? control.trueValue() : control.falseValue();
        MemorySegment data = allocate(control.dataType().byteSize());
        switch (control.dataType()) {
            case INT32 -> data.set(INT, 0, (int) value);
            case FP32 -> data.set(FLOAT, 0, (float) value);
            case BOOL -> data.set(ValueLayout.JAVA_BYTE, 0, (byte) (value == 0 ? 0 : 1));
            default -> throw new IllegalArgumentException("no flag is " + control.dataType());
        }
        return new Tensor(name, control.dataType(), shape, data.asReadOnly());
    }

    /** Small, and as long as a sequence or longer: the collector frees it. */
    private static MemorySegment allocate(long bytes) {
        return Arena.ofAuto().allocate(bytes, Long.BYTES);
    }

    /** Returns the tensors that tell a sequence's id. */
    List<Tensor> ids(CorrelationId id) {
        return ids.isEmpty()
                ? List.of()
                : ids.stream().map(input -> id(input.name(), tells(input).dataType(), id)).toList();
    }

    private Tensor id(String name, DataType type, CorrelationId id) {
        if (type == DataType.BYTES) {
            byte[] text = id.isPresent() ? id.toString().getBytes(StandardCharsets.UTF_8) : new byte[0];
            MemorySegment data = allocate(Integer.BYTES + text.length);
            data.set(INT, 0, text.length);
            MemorySegment.copy(text, 0, data, ValueLayout.JAVA_BYTE, Integer.BYTES, text.length);
            return new Tensor(name, type, shape, data.asReadOnly());
        }
        // Narrower types take the low bytes; a text never comes as far as this.
        long value = id instanceof CorrelationId.Numeric(long number) ? number : 0;
        MemorySegment data = allocate(type.byteSize());
        if (type.byteSize() == Long.BYTES) {
            data.set(LONG, 0, value);
        } else {
            data.set(INT, 0, (int) value);
        }
        return new Tensor(name, type, shape, data.asReadOnly());
    }

    /** Returns the tensors for a request. */
    List<Tensor> flags(boolean isStart, boolean isEnd) {
        return byFlags.get(combination(isStart, isEnd, true));
    }

    /** Returns the tensors for a row without a request. */
    List<Tensor> nothing() {
        List<Tensor> all = new ArrayList<>(byFlags.getFirst());
        all.addAll(noIds);
        return all;
    }
}

package dev.nereid.repository.config;

import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import dev.nereid.repository.config.proto.ConfigProto.ModelOptimizationPolicy;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import java.math.BigDecimal;
import java.util.List;
import java.util.Set;

/**
 * The JSON that clients see as a model's configuration. Keys stand in the order of declaration; scalars, lists and maps
 * are always there, messages and members of a choice only where they are set.
 */
public final class ConfigJson {
    /** The protobuf mapping writes 64-bit integers as strings; only these are left so. */
    private static final Set<FieldDescriptor> INTEGERS_AS_STRINGS = Set.of(
            ModelInstanceGroup.SecondaryDevice.getDescriptor().findFieldByNumber(
                    ModelInstanceGroup.SecondaryDevice.DEVICE_ID_FIELD_NUMBER),
            ModelOptimizationPolicy.Cuda.GraphSpec.Shape.getDescriptor().findFieldByNumber(
                    ModelOptimizationPolicy.Cuda.GraphSpec.Shape.DIM_FIELD_NUMBER),
            ModelSequenceBatching.InitialState.getDescriptor().findFieldByNumber(
                    ModelSequenceBatching.InitialState.DIMS_FIELD_NUMBER));

    private ConfigJson() {
    }

    /** Returns the compact JSON of a configuration. */
    public static String write(ModelConfig config) {
        StringBuilder out = new StringBuilder(1024);
        appendMessage(out, config);
        return out.toString();
    }

    private static void appendMessage(StringBuilder out, Message message) {
        out.append('{');
        boolean isFirst = true;
        for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
            if (!field.isRepeated() && field.hasPresence() && !message.hasField(field)) {
                continue;
            }
            if (!isFirst) {
                out.append(',');
            }
            isFirst = false;
            appendString(out, field.getName());
            out.append(':');
            if (field.isMapField()) {
                appendMap(out, field, (List<?>) message.getField(field));
            } else if (field.isRepeated()) {
                appendList(out, field, message, message.getRepeatedFieldCount(field));
            } else {
                appendValue(out, field, message.getField(field));
            }
        }
        out.append('}');
    }

    private static void appendMap(StringBuilder out, FieldDescriptor field, List<?> entries) {
        FieldDescriptor key = field.getMessageType().findFieldByNumber(1);
        FieldDescriptor value = field.getMessageType().findFieldByNumber(2);
        out.append('{');
        boolean isFirst = true;
        for (Object entry : entries) {
            if (!isFirst) {
                out.append(',');
            }
            isFirst = false;
            Message pair = (Message) entry;
            appendString(out, key.getType() == FieldDescriptor.Type.UINT64
                    ? Long.toUnsignedString((Long) pair.getField(key))
                    : String.valueOf(pair.getField(key)));
            out.append(':');
            appendValue(out, value, pair.getField(value));
        }
        out.append('}');
    }

    private static void appendList(StringBuilder out, FieldDescriptor field, Message message, int count) {
        out.append('[');
        for (int i = 0; i < count; i++) {
            if (i > 0) {
                out.append(',');
            }
            appendValue(out, field, message.getRepeatedField(field, i));
        }
        out.append(']');
    }

    private static void appendValue(StringBuilder out, FieldDescriptor field, Object value) {
        switch (field.getType()) {
            case MESSAGE -> appendMessage(out, (Message) value);
            case ENUM -> appendString(out, ((EnumValueDescriptor) value).getName());
            case STRING -> appendString(out, (String) value);
            case UINT32 -> out.append(Integer.toUnsignedString((Integer) value));
            case UINT64 -> out.append(Long.toUnsignedString((Long) value));
            case INT64 -> {
                if (INTEGERS_AS_STRINGS.contains(field)) {
                    out.append('"').append(value).append('"');
                } else {
                    out.append(value);
                }
            }
            case FLOAT -> appendDecimal(out, Float.toString((Float) value), ((Float) value).doubleValue());
            case DOUBLE -> appendDecimal(out, Double.toString((Double) value), (Double) value);
            default -> out.append(value);
        }
    }

    /** Writes the shortest digits of a number: plainly from 1e-6 up to 21 digits, beyond that with an exponent. */
    private static void appendDecimal(StringBuilder out, String shortest, double value) {
        if (!Double.isFinite(value)) {
            appendString(out, Double.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
            return;
        }
        if (value == 0) {
            out.append(shortest.startsWith("-") ? "-0.0" : "0.0");
            return;
        }
        BigDecimal decimal = new BigDecimal(shortest).stripTrailingZeros();
        String digits = decimal.unscaledValue().abs().toString();
        int point = digits.length() - decimal.scale();
        if (decimal.signum() < 0) {
            out.append('-');
        }
        if (point > 21 || point <= -6) {
            out.append(digits.charAt(0));
            if (digits.length() > 1) {
                out.append('.').append(digits, 1, digits.length());
            }
            out.append('e').append(point - 1);
        } else {
            String plain = decimal.abs().toPlainString();
            out.append(plain).append(plain.indexOf('.') < 0 ? ".0" : "");
        }
    }

    /** Writes a string in quotes with only the escapes that JSON demands. */
    static void appendString(StringBuilder out, String value) {
        out.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\b' -> out.append("\\b");
                case '\f' -> out.append("\\f");
                case '\n' -> out.append("\\n");
                case '\r' -> out.append("\\r");
                case '\t' -> out.append("\\t");
                default -> {
                    if (c < ' ') {
                        out.append(String.format("\\u%04X", (int) c));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}

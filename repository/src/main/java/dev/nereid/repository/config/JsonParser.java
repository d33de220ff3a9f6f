package dev.nereid.repository.config;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.Message;
import dev.nereid.json.JsonCursor;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * Reads the JSON form of a message. It follows the protobuf mapping, is strict about JSON itself, bounds the nesting,
 * and says where an error is. {@link JsonCursor} splits the text; this class gives it meaning.
 */
final class JsonParser {
    private static final BigInteger UINT32_MAX = BigInteger.ONE.shiftLeft(32).subtract(BigInteger.ONE);
    private static final BigInteger UINT64_MAX = BigInteger.ONE.shiftLeft(64).subtract(BigInteger.ONE);

    private final JsonCursor text;

    private JsonParser(JsonCursor text) {
        this.text = text;
    }

    /** Merges {@code json} into {@code builder}. */
    static void merge(String json, Message.Builder builder) {
        JsonCursor text = new JsonCursor(json, ConfigReader.MAX_DEPTH, Printable::escape);
        new JsonParser(text).message(builder);
        text.end();
    }

    private void message(Message.Builder builder) {
        Descriptor type = builder.getDescriptorForType();
        Map<String, FieldDescriptor> fields = new HashMap<>();
        for (FieldDescriptor field : type.getFields()) {
            fields.put(field.getName(), field);
            fields.put(field.getJsonName(), field);
        }
        Set<FieldDescriptor> seen = new HashSet<>();
        text.object(key -> {
            FieldDescriptor field = fields.get(key);
            if (field == null) {
                List<String> known = type.getFields().stream().map(FieldDescriptor::getName).toList();
                throw text.error(Printable.escape(key) + ": Cannot find field." + Suggestions.didYouMean(key, known));
            }
            if (!seen.add(field)) {
                throw text.error("field '" + field.getName() + "' is given more than once");
            }
            OneofDescriptor choice = field.getContainingOneof();
            if (choice != null && builder.hasOneof(choice)) {
                throw text.error("field '" + field.getName() + "' cannot be combined with '"
                        + builder.getOneofFieldDescriptor(choice).getName() + "'");
            }
            return () -> field(builder, field);
        });
    }

    private void field(Message.Builder builder, FieldDescriptor field) {
        if (text.isNull()) {
            return;
        }
        if (field.isMapField()) {
            map(builder, field);
        } else if (field.isRepeated()) {
            text.array(() -> value(builder, field,
                    element -> builder.addRepeatedField(field, element)));
        } else {
            value(builder, field, element -> builder.setField(field, element));
        }
    }

    private void map(Message.Builder builder, FieldDescriptor field) {
        FieldDescriptor keyField = field.getMessageType().findFieldByNumber(1);
        FieldDescriptor valueField = field.getMessageType().findFieldByNumber(2);
        Set<String> seen = new HashSet<>();
        text.object(key -> {
            if (!seen.add(key)) {
                throw text.error("key '" + Printable.escape(key) + "' is given more than once");
            }
            Object keyValue = keyField.getType() == FieldDescriptor.Type.STRING ? key : number(keyField, key);
            return () -> {
                Message.Builder entry = builder.newBuilderForField(field);
                entry.setField(keyField, keyValue);
                value(entry, valueField, value -> entry.setField(valueField, value));
                builder.addRepeatedField(field, entry.build());
            };
        });
    }

    private void value(Message.Builder parent, FieldDescriptor field, Consumer<Object> target) {
        switch (field.getType()) {
            case MESSAGE -> {
                Message.Builder nested = parent.newBuilderForField(field);
                message(nested);
                target.accept(nested.build());
            }
            case ENUM -> target.accept(enumValue(field.getEnumType()));
            case BOOL -> target.accept(text.bool());
            case STRING -> target.accept(text.string());
            default -> target.accept(number(field, text.numberOrString()));
        }
    }

    private EnumValueDescriptor enumValue(EnumDescriptor type) {
        if (!text.isString()) {
            String number = text.numberOrString();
            return type.getValues().stream().filter(value -> Integer.toString(value.getNumber()).equals(number))
                    .findFirst().orElseThrow(() -> text.error(SyntaxErrors.unknownEnumValue(type, number)));
        }
        String name = text.string();
        return type.getValues().stream().filter(value -> value.getName().equalsIgnoreCase(name)).findFirst()
                .orElseThrow(() -> text.error(SyntaxErrors.unknownEnumValue(type, name.toUpperCase(Locale.ROOT))));
    }

    private Object number(FieldDescriptor field, String value) {
        return switch (field.getType()) {
            case FLOAT -> (float) decimal(value);
            case DOUBLE -> decimal(value);
            case INT32 -> integer(value, BigInteger.valueOf(Integer.MIN_VALUE), BigInteger.valueOf(Integer.MAX_VALUE))
                    .intValue();
            case UINT32 -> integer(value, BigInteger.ZERO, UINT32_MAX).intValue();
            case INT64 -> integer(value, BigInteger.valueOf(Long.MIN_VALUE), BigInteger.valueOf(Long.MAX_VALUE))
                    .longValue();
            case UINT64 -> integer(value, BigInteger.ZERO, UINT64_MAX).longValue();
            default -> throw new IllegalStateException("no number: " + field.getFullName());
        };
    }

    private double decimal(String value) {
        if (value.equals("NaN") || value.equals("Infinity") || value.equals("-Infinity")
                || JsonCursor.isNumber(value)) {
            return Double.parseDouble(value);
        }
        throw text.error("found '" + Printable.escape(value) + "', expected a number");
    }

    private BigInteger integer(String value, BigInteger min, BigInteger max) {
        try {
            if (JsonCursor.isNumber(value)) {
                BigInteger integer = new BigDecimal(value).toBigIntegerExact();
                if (integer.compareTo(min) >= 0 && integer.compareTo(max) <= 0) {
                    return integer;
                }
            }
        } catch (ArithmeticException e) {
            // Has a fraction: the text below says so.
        }
        throw text.error("found '" + Printable.escape(value) + "', expected an integer from " + min + " to " + max);
    }
}

package dev.nereid.repository.config;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.util.List;
import java.util.Random;

/** Makes configurations with every field of the message, filled with likely and unlikely values. */
final class RandomConfigs {
    private static final List<String> WORDS = List.of("INPUT0", "OUTPUT0", "model", "identity", "pytorch",
            "pytorch_libtorch", "ensemble", "tensorrt_plan", "model.pt", "../../etc/passwd", "/etc/passwd",
            "labels.txt", "",
            "a\u0000b", "\n", "ü\ud83d\ude00", "\"'\\", "0", "-1", "..", "1.5", "true");
    private static final long[] INTEGERS = {0, 1, 2, 3, 8, -1, -2, 100, 1L << 31, -(1L << 31), Long.MAX_VALUE,
        Long.MIN_VALUE};
    private static final double[] NUMBERS = {0, 1, 0.5, -1, 1e300, 1e-300, Double.MAX_VALUE};

    private final Random random;

    RandomConfigs(Random random) {
        this.random = random;
    }

    ModelConfig next() {
        ModelConfig.Builder builder = ModelConfig.newBuilder();
        fill(builder, 0);
        if (random.nextInt(3) > 0) {
            builder.setName("model").setBackend("identity").setPlatform("");
        }
        try {
            // As text and JSON have it: one entry for each key of a map.
            return ModelConfig.parseFrom(builder.build().toByteString());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException(e);
        }
    }

    private void fill(Message.Builder builder, int depth) {
        for (FieldDescriptor field : builder.getDescriptorForType().getFields()) {
            if (random.nextInt(2 + depth) > 0) {
                continue;
            }
            if (!field.isRepeated()) {
                builder.setField(field, value(builder, field, depth));
                continue;
            }
            for (int i = random.nextInt(3); i > 0; i--) {
                builder.addRepeatedField(field, value(builder, field, depth));
            }
        }
    }

    private Object value(Message.Builder builder, FieldDescriptor field, int depth) {
        long integer = INTEGERS[random.nextInt(INTEGERS.length)];
        return switch (field.getJavaType()) {
            case INT -> (int) integer;
            case LONG -> integer;
            case FLOAT -> (float) NUMBERS[random.nextInt(NUMBERS.length)];
            case DOUBLE -> NUMBERS[random.nextInt(NUMBERS.length)];
            case BOOLEAN -> random.nextBoolean();
            case STRING -> WORDS.get(random.nextInt(WORDS.size()));
            case BYTE_STRING -> ByteString.EMPTY;
            case ENUM -> field.getEnumType().getValues().get(random.nextInt(field.getEnumType().getValues().size()));
            case MESSAGE -> {
                Message.Builder nested = builder.newBuilderForField(field);
                fill(nested, depth + 1);
                yield nested.build();
            }
        };
    }
}

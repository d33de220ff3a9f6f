package dev.nereid.repository.config;

import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.TextFormat;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Reads configurations: {@code config.pbtxt} and the JSON of load overrides. Errors say where, what was found and what
 * was expected. What is read is not yet checked beyond its syntax.
 */
public final class ConfigReader {
    /** The largest configuration that is read. */
    public static final int MAX_BYTES = 4 << 20;

    /** The deepest nesting; the message itself never needs more than eight levels. */
    static final int MAX_DEPTH = 32;

    private static final TextFormat.Parser PARSER = TextFormat.Parser.newBuilder()
            .setSingularOverwritePolicy(TextFormat.Parser.SingularOverwritePolicy.FORBID_SINGULAR_OVERWRITES)
            .setRecursionLimit(MAX_DEPTH).build();

    private ConfigReader() {
    }

    /**
     * Returns the file that holds the configuration: {@code configs/<configName>.pbtxt} where a name is given and the
     * file exists, else {@code config.pbtxt}, which may be missing.
     */
    public static Path configFile(Path modelDirectory, String configName) {
        if (!configName.isEmpty()) {
            Path custom = PathGuard.named(modelDirectory, "configs/" + configName + ".pbtxt")
                    .orElseThrow(() -> InferenceException
                            .invalid("invalid model config name '" + Printable.escape(configName) + "'"));
            if (Files.isRegularFile(custom)) {
                return custom;
            }
        }
        return modelDirectory.resolve("config.pbtxt");
    }

    /** Reads a file in protobuf text format. */
    public static ModelConfig readFile(Path file) {
        String text = TextFiles.read(file, MAX_BYTES);
        try {
            return parseText(text);
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), "failed to read text proto from " + file + ": " + e.getMessage(), e);
        }
    }

    /** Parses protobuf text format. */
    public static ModelConfig parseText(String text) {
        ModelConfig.Builder builder = ModelConfig.newBuilder();
        try {
            PARSER.merge(text, builder);
        } catch (TextFormat.ParseException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, SyntaxErrors.describe(text, e), e);
        } catch (UncheckedIOException | IllegalArgumentException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "malformed text: " + e.getMessage(), e);
        }
        ModelConfig config = withUniqueKeys(builder.build());
        rejectUnknownEnumNumbers(config);
        return config;
    }

    /** The text format may give a key of a map several times; the last counts, as by the reference. */
    private static ModelConfig withUniqueKeys(ModelConfig config) {
        try {
            return ModelConfig.parseFrom(config.toByteString());
        } catch (InvalidProtocolBufferException e) {
            throw new IllegalStateException("a message that was just written can't be read", e);
        }
    }

    /**
     * Parses the JSON form of a load override. Names of fields may be in snake case or camel case, names of enum values
     * in any case, and 64-bit integers numbers or strings.
     */
    public static ModelConfig parseJson(String json) {
        ModelConfig.Builder builder = ModelConfig.newBuilder();
        try {
            if (json.length() > MAX_BYTES) {
                throw InferenceException.invalid("text is longer than " + MAX_BYTES + " characters");
            }
            JsonParser.merge(json, builder);
            return builder.build();
        } catch (InferenceException e) {
            throw new InferenceException(e.code(), "Invalid config override: " + e.getMessage(), e);
        }
    }

    /** Open enums accept any number; no number outside the enum means anything here. */
    private static void rejectUnknownEnumNumbers(Message message) {
        for (Map.Entry<FieldDescriptor, Object> entry : message.getAllFields().entrySet()) {
            FieldDescriptor field = entry.getKey();
            List<?> values = entry.getValue() instanceof List<?> list ? list : List.of(entry.getValue());
            for (Object value : values) {
                if (value instanceof Message nested) {
                    rejectUnknownEnumNumbers(nested);
                } else if (value instanceof EnumValueDescriptor number && number.getIndex() < 0) {
                    throw InferenceException.invalid("field '" + field.getName() + "' has the number "
                            + number.getNumber() + ", expected a value of " + field.getEnumType().getName());
                }
            }
        }
    }
}

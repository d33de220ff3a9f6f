package dev.nereid.engine.cache;

import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.cache.CacheKey;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.ActiveRequest;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.TreeMap;

/** Works out the key of a request: a digest of all that its answer may depend on. */
final class RequestKey {
    private static final long CHUNK = 1L << 30;

    private RequestKey() {
    }

    /**
     * Returns the key of a request: its model, its inputs in whatever order with their names, datatypes, shapes and contents,
     * its parameters and the outputs that it wants; for an ensemble, the sequence that its models may keep, too.
     *
     * @param request all of whose inputs lie in host memory
     * @param identity tells the model, as it was loaded, from all others
     */
    static CacheKey of(ActiveRequest request, ModelConfig config, String identity) {
        MessageDigest digest = digest();
        text(digest, identity);
        List<Tensor> inputs = new ArrayList<>(request.inputs());
        inputs.sort(Comparator.comparing(Tensor::name));
        number(digest, inputs.size());
        for (Tensor input : inputs) {
            text(digest, input.name());
            text(digest, input.dataType().name());
            number(digest, input.shape().rank());
            for (long dimension : input.shape().toArray()) {
                number(digest, dimension);
            }
            bytes(digest, input.data());
        }
        number(digest, request.parameters().size());
        new TreeMap<>(request.parameters()).forEach((name, value) -> {
            text(digest, name);
            text(digest, kind(value));
            text(digest, value.toString());
        });
        for (ModelOutput output : config.outputs()) {
            number(digest, request.isOutputRequested(output.name()) ? 1 : 0);
        }
        if (config.scheduling() instanceof Scheduling.Ensemble && request.correlationId().isPresent()) {
            text(digest, request.correlationId().getClass().getSimpleName());
            text(digest, request.correlationId().toString());
            number(digest, (request.isSequenceStart() ? 1 : 0) + (request.isSequenceEnd() ? 2 : 0));
        }
        ByteBuffer result = ByteBuffer.wrap(digest.digest());
        return new CacheKey(result.getLong(), result.getLong(), result.getLong(), result.getLong());
    }

    private static String kind(Parameter value) {
        return switch (value) {
            case Parameter.Text _ -> "text";
            case Parameter.Int _ -> "int";
            case Parameter.Bool _ -> "bool";
            case Parameter.Real _ -> "real";
        };
    }

    private static MessageDigest digest() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    private static void number(MessageDigest digest, long value) {
        digest.update(ByteBuffer.allocate(Long.BYTES).putLong(value).flip());
    }

    private static void text(MessageDigest digest, String value) {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        number(digest, bytes.length);
        digest.update(bytes);
    }

    private static void bytes(MessageDigest digest, MemorySegment data) {
        number(digest, data.byteSize());
        for (long offset = 0; offset < data.byteSize(); offset += CHUNK) {
            digest.update(data.asSlice(offset, Math.min(CHUNK, data.byteSize() - offset)).asByteBuffer());
        }
    }
}

package dev.nereid.server.protocol;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.CheckedRequest;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.RequestValidator;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.SharedMemoryRegions;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Answers requests for the recorded models without a network: outputs are the inputs. */
final class IdentityServer {
    private static final String VERSION = "1";
    private static final List<String> LABELS = List.of("cat", "dog", "fox", "owl");

    private final InferRequestDecoder decoder = new InferRequestDecoder();
    private final JsonDocument document = new JsonDocument();
    private final JsonWriter writer = new JsonWriter();
    private final SharedMemoryRegions regions;
    private final long maxInputSize;
    private final int window;

    IdentityServer(SharedMemoryRegions regions, long maxInputSize) {
        this(regions, maxInputSize, 0);
    }

    /** Creates one that looks at JSON through a window of that many bytes; 0: where it is in an array. */
    IdentityServer(SharedMemoryRegions regions, long maxInputSize, int window) {
        this.regions = regions;
        this.maxInputSize = maxInputSize;
        this.window = window;
    }

    /** An answer; each character of the body is one byte. */
    record Answer(int status, String contentType, Optional<String> jsonLength, String body) {
    }

    Answer infer(ModelConfig config, byte[] body, Optional<String> headerLength, Optional<String> contentLength) {
        writer.reset();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment offHeap = arena.allocate(Math.max(1, body.length)).asSlice(0, body.length);
            MemorySegment.copy(body, 0, offHeap, ValueLayout.JAVA_BYTE, 0, body.length);
            InferBody layout = InferBody.divide(headerLength, contentLength, body.length, maxInputSize);
            DecodedRequest decoded = layout.isRaw()
                    ? InferRequestDecoder.decodeRaw(offHeap, maxInputSize)
                    : decode(body, offHeap, layout.jsonLength(),
                            new DecodeContext(config.name(), maxInputSize, arena, regions));
            RequestValidator validator = new RequestValidator(config);
            CheckedRequest checked = validator.validate(decoded.request(), arena);
            InferResponseEncoder encoder = new InferResponseEncoder(config.name(), VERSION, config.isBatching(),
                    output -> config.name().equals("ident_labels") ? LABELS : List.of(), _ -> {
                    });
            EncodedResponse encoded = encoder.encode(writer, decoded.request().id(), Map.of(),
                    execute(validator, checked), decoded.outputs());
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            bytes.write(writer.buffer(), 0, encoded.jsonLength());
            encoded.binary().forEach(segment -> bytes.writeBytes(segment.toArray(ValueLayout.JAVA_BYTE)));
            return new Answer(200, encoded.contentType(),
                    encoded.hasBinary() ? Optional.of("" + encoded.jsonLength()) : Optional.empty(),
                    bytes.toString(ISO_8859_1));
        } catch (InferenceException failure) {
            return failed(failure);
        }
    }

    private DecodedRequest decode(byte[] body, MemorySegment offHeap, int jsonLength, DecodeContext context) {
        MemorySegment binary = offHeap.asSlice(jsonLength);
        if (window == 0) {
            return decoder.decode(body, 0, jsonLength, binary, context);
        }
        // Memory of its own, which nothing may be read from once the request was decoded.
        try (Arena ofJson = Arena.ofConfined()) {
            MemorySegment json = ofJson.allocate(jsonLength).copyFrom(offHeap.asSlice(0, jsonLength));
            byte[] part = new byte[window];
            Arrays.fill(part, (byte) ' ');
            return decoder.decode(json, part, binary, context);
        }
    }

    Answer generate(ModelConfig config, byte[] body) {
        writer.reset();
        try (Arena arena = Arena.ofConfined()) {
            GenerateCodec codec = new GenerateCodec(config);
            RequestData request = codec.decode(document, body, 0, body.length,
                    new DecodeContext(config.name(), maxInputSize, arena, regions));
            RequestValidator validator = new RequestValidator(config);
            CheckedRequest checked = validator.validate(request, arena);
            codec.encode(writer, config.name(), VERSION, request.id(), Map.of(), execute(validator, checked));
            return new Answer(200, "application/json", Optional.empty(), new String(writer.toByteArray(), ISO_8859_1));
        } catch (InferenceException failure) {
            return failed(failure);
        }
    }

    @SuppressWarnings("deprecation") // the status is known to http only, beside this
    private Answer failed(InferenceException failure) {
        byte[] body = writer.reset().error(failure.getMessage()).toByteArray();
        return new Answer(failure.code().httpStatus(), "application/json", Optional.empty(),
                new String(body, ISO_8859_1));
    }

    private static List<Tensor> execute(RequestValidator validator, CheckedRequest checked) {
        return checked.inputs().stream().map(input -> {
            String name = input.name().replace("INPUT", "OUTPUT");
            return new Tensor(name, input.dataType(), validator.clientShape(name, input.shape()), input.data());
        }).filter(output -> checked.requestedOutputs().contains(output.name())).toList();
    }
}

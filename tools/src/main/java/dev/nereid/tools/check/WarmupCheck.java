package dev.nereid.tools.check;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.RequestValidator;
import dev.nereid.engine.schedule.sequence.WarmUpSequences;
import dev.nereid.repository.config.ModelFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Makes the warm-up requests of a model as a server does, and checks them as requests of clients. */
final class WarmupCheck {
    private WarmupCheck() {
    }

    /** Fails with the server's text when a sample can't be made or is not what the model takes. */
    static void check(ModelConfig config, Path modelDirectory) {
        RequestValidator validator = new RequestValidator(config);
        Set<String> ofServer = config.scheduling() instanceof SequenceBatching batching
                ? WarmUpSequences.names(batching)
                : Set.of();
        for (Warmup sample : config.warmups()) {
            if (sample.batchSize() > 0) {
                try (Arena arena = Arena.ofConfined()) {
                    List<InputData> inputs = new ArrayList<>();
                    new TreeMap<>(sample.inputs()).forEach((name, input) -> {
                        InputData data = input(name, input, config.isBatching(), arena, modelDirectory);
                        if (!ofServer.contains(name)) {
                            inputs.add(data);
                        }
                    });
                    validator.validate(new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0, inputs,
                            List.of(), false), arena);
                } catch (ArithmeticException e) {
                    throw new InferenceException(StatusCode.INVALID_ARG,
                            "warmup sample '" + sample.name() + "' has an input with too many elements", e);
                }
            }
        }
    }

    private static InputData input(String name, Warmup.Input input, boolean isBatching, Arena arena,
            Path modelDirectory) {
        Dims dims = isBatching ? input.dims().prepend(1) : input.dims();
        long[] dimensions = dims.toArray();
        long elements = Shape.of(dimensions).elementCount();
        DataType type = input.dataType();
        // The empty string is a length of zero.
        long size = type == DataType.BYTES
                ? Math.multiplyExact(elements, (long) Integer.BYTES)
                : Tensor.byteSize(name, type, Shape.of(elements));
        MemorySegment data = switch (input.source()) {
            case Warmup.Source.Zero _,Warmup.Source.Random _ -> arena.allocate(size);
            case Warmup.Source.File file -> fromFile(name, file.name(), type, size, arena, modelDirectory);
        };
        return new InputData(name, Optional.of(type), dimensions, data);
    }

    /** Returns the bytes of a file of strings; for other datatypes only its size is of interest. */
    private static MemorySegment fromFile(String input, String file, DataType type, long size, Arena arena,
            Path modelDirectory) {
        Path path = ModelFiles.warmupFile(modelDirectory, file);
        long bytes = ModelCheck.sizeOf(path);
        if (type != DataType.BYTES) {
            if (bytes < size) {
                throw InferenceException.invalid("warmup data file '" + file + "' for input '" + input + "' has "
                        + bytes + " bytes, expected " + size);
            }
            return arena.allocate(size);
        }
        try {
            return MemorySegment.ofArray(Files.readAllBytes(path));
        } catch (IOException e) {
            throw ModelFiles.unreadable(path, e);
        }
    }
}

package dev.nereid.engine.model;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.config.Warmup.Source;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.memory.BufferScope;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.CheckedRequest;
import dev.nereid.engine.request.InputData;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.OutputShapes;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.RequestValidator;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.schedule.sequence.WarmUpSequences;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.repository.config.InitialStates;
import dev.nereid.repository.config.ModelFiles;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/** Executes the samples of {@code model_warmup} on an instance before it serves. */
final class WarmUp {
    private static final Logger LOGGER = System.getLogger(WarmUp.class.getName());
    private static final long SEED = 20_250_101;

    private final BufferPool pool;
    private final LongSupplier clock;

    WarmUp(BufferPool pool, LongSupplier clock) {
        this.pool = pool;
        this.clock = clock;
    }

    /**
     * Runs all samples. Returns how long the last execution took; empty where there was none.
     *
     * @param states what the states of a model with sequence batching hold at the start of a sequence
     * @throws InferenceException when one can't be made or its execution fails
     */
    Optional<Duration> run(Instance instance, ModelConfig config, List<InitialStates.Start> states,
            RequestValidator validator, Path modelDirectory) {
        Optional<Duration> last = Optional.empty();
        for (Warmup sample : config.warmups()) {
            int count = Math.max(1, sample.count());
            int copies = config.isBatching() ? sample.batchSize() : 1;
            try (WarmUpSequences sequences = config.scheduling() instanceof SequenceBatching batching
                    ? new WarmUpSequences(config, batching, states, copies)
                    : null) {
                for (int i = 0; i < count && sample.batchSize() > 0; i++) {
                    long start = clock.getAsLong();
                    runOnce(new Round(instance, sample, copies, i == 0, i == count - 1), config, sequences, validator,
                            modelDirectory);
                    Duration taken = Duration.ofNanos(clock.getAsLong() - start);
                    long micros = taken.toNanos() / 1000;
                    int round = i + 1;
                    last = Optional.of(taken);
                    LOGGER.log(Level.DEBUG, () -> "warm-up sample '" + sample.name() + "' of instance '"
                            + instance.name() + "', round " + round + ": " + micros + " us");
                }
            }
        }
        return last;
    }

    /** One execution of a sample. */
    private record Round(Instance instance, Warmup sample, int copies, boolean isFirst, boolean isLast) {
    }

    private void runOnce(Round round, ModelConfig config, @Nullable WarmUpSequences sequences,
            RequestValidator validator, Path modelDirectory) {
        Warmup sample = round.sample();
        Set<String> ofServer = config.scheduling() instanceof SequenceBatching batching
                ? WarmUpSequences.names(batching)
                : Set.of();
        try (BufferScope scope = new BufferScope(pool)) {
            List<InputData> inputs = new ArrayList<>();
            List<Tensor> given = new ArrayList<>();
            new TreeMap<>(sample.inputs()).forEach((name, input) -> {
                InputData data = input(name, input, config.isBatching(), scope, modelDirectory);
                if (ofServer.contains(name)) {
                    given.add(
                            new Tensor(name, input.dataType(), Shape.of(data.dimensions()), data.data().asReadOnly()));
                } else {
                    inputs.add(data);
                }
            });
            RequestData data = new RequestData("", Map.of(), CorrelationId.NONE, false, false, 0, 0, inputs, List.of(),
                    false);
            CheckedRequest checked = validator.validate(data, scope);
            ActiveRequest.Content content = Admission.content(data, checked, Set.of());
            List<ActiveRequest> requests = new ArrayList<>();
            List<SingleResponse> answers = new ArrayList<>();
            // What a model answers while it warms up is not counted as a client's.
            ModelIo io = new ModelIo(config.isDecoupled(), OutputShapes.AS_PRODUCED, new ModelStatistics(),
                    Long.MAX_VALUE);
            for (int i = 0; i < round.copies(); i++) {
                SingleResponse answer = new SingleResponse();
                answers.add(answer);
                ActiveRequest request = new ActiveRequest(content, io, pool, answer, clock.getAsLong());
                request.mayBeExecutedAgain(_ -> {
                });
                requests.add(request);
            }
            if (sequences != null) {
                sequences.prepare(requests, round.isFirst(), round.isLast(), given);
            }
            round.instance().execute(requests, clock);
            if (sequences != null) {
                sequences.executed();
            }
            for (int i = 0; i < answers.size(); i++) {
                check(answers.get(i), sample, config.isDecoupled() || requests.get(i).isRepeated());
            }
        }
    }

    private static void check(SingleResponse answer, Warmup sample, boolean isDecoupled) {
        Optional<InferenceException> failure = answer.closeAll(isDecoupled);
        if (failure.isPresent()) {
            throw new InferenceException(failure.get().code(),
                    "failed to run warmup sample '" + sample.name() + "': " + failure.get().getMessage(),
                    failure.get());
        }
    }

    private static InputData input(String name, Warmup.Input input, boolean isBatching, BufferScope scope,
            Path modelDirectory) {
        Dims dims = isBatching ? input.dims().prepend(1) : input.dims();
        long[] dimensions = dims.toArray();
        long elements = Shape.of(dimensions).elementCount();
        DataType type = input.dataType();
        MemorySegment data = switch (input.source()) {
            case Source.Zero _ -> zeros(type, elements, scope);
            case Source.Random _ ->
                type == DataType.BYTES ? zeros(type, elements, scope) : random(type, elements, scope);
            case Source.File file -> read(name, file.name(), type, elements, scope, modelDirectory);
        };
        return new InputData(name, Optional.of(type), dimensions, data);
    }

    private static MemorySegment zeros(DataType type, long elements, BufferScope scope) {
        // The empty string is a length of zero.
        long bytes = type == DataType.BYTES
                ? Math.multiplyExact(elements, (long) Integer.BYTES)
                : Tensor.byteSize("warmup", type, Shape.of(elements));
        return scope.allocate(bytes, 1).fill((byte) 0);
    }

    private static MemorySegment random(DataType type, long elements, BufferScope scope) {
        Random random = new Random(SEED);
        MemorySegment data = scope.allocate(Tensor.byteSize("warmup", type, Shape.of(elements)), 1);
        for (long i = 0; i < elements; i++) {
            switch (type) {
                case FP32 -> data.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, random.nextFloat());
                case FP64 -> data.setAtIndex(ValueLayout.JAVA_DOUBLE_UNALIGNED, i, random.nextDouble());
                case FP16 -> data.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i,
                        Float.floatToFloat16(random.nextFloat()));
                case BF16 -> data.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i,
                        (short) (Float.floatToRawIntBits(random.nextFloat()) >>> 16));
                case BOOL -> data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt(2));
                case UINT8, INT8 -> data.set(ValueLayout.JAVA_BYTE, i, (byte) random.nextInt());
                case UINT16, INT16 ->
                    data.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) random.nextInt());
                case UINT32, INT32 -> data.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, i, random.nextInt());
                case UINT64, INT64 -> data.setAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i, random.nextLong());
                case BYTES -> throw new IllegalStateException("strings are not random");
            }
        }
        return data;
    }

    private static MemorySegment read(String input, String file, DataType type, long elements, BufferScope scope,
            Path modelDirectory) {
        Path path = ModelFiles.warmupFile(modelDirectory, file);
        byte[] bytes;
        try {
            bytes = Files.readAllBytes(path);
        } catch (IOException e) {
            throw ModelFiles.unreadable(path, e);
        }
        long size = bytes.length;
        if (type != DataType.BYTES) {
            size = Tensor.byteSize(input, type, Shape.of(elements));
            if (bytes.length < size) {
                throw InferenceException.invalid("warmup data file '" + file + "' for input '" + input + "' has "
                        + bytes.length + " bytes, expected " + size);
            }
        }
        MemorySegment data = scope.allocate(size, 1);
        MemorySegment.copy(bytes, 0, data, ValueLayout.JAVA_BYTE, 0, (int) size);
        return data;
    }
}

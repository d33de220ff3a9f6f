package dev.nereid.tools.tune;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.config.Warmup.Source;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.tools.perf.InputMaker;
import dev.nereid.tools.perf.InputSource;
import dev.nereid.tools.perf.InputTensor;
import dev.nereid.tools.perf.ModelDescription;
import dev.nereid.tools.perf.PerfException;
import dev.nereid.tools.perf.Shapes;
import dev.nereid.tools.perf.TensorDescription;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What requests hold: what a file says, else the model's first warm-up sample, else random elements of the configured shapes.
 * Immutable.
 */
final class Inputs {
    private static final int STRING_LENGTH = 128;
    private static final InputSource RANDOM = new InputSource.Random(0);

    private final ModelConfig config;
    private final Path directory;
    private final Optional<InputSource> source;
    private final Optional<Warmup> sample;
    private final Shapes shapes;

    /**
     * Creates the inputs of a model.
     *
     * @param directory the model's directory
     * @param source where elements come from; empty for the warm-up sample or random ones
     * @param given shapes that somebody has named
     */
    Inputs(ModelConfig config, Path directory, Optional<InputSource> source, Shapes given) {
        this.config = config;
        this.directory = directory;
        this.source = source;
        this.sample = source.isPresent()
                ? Optional.empty()
                : config.warmups().stream().filter(each -> each.batchSize() > 0).findFirst();
        Map<String, List<Long>> known = new HashMap<>();
        sample.ifPresent(each -> each.inputs().forEach((name, input) -> known.put(name,
                Arrays.stream(input.dims().toArray()).boxed().toList())));
        known.putAll(given.given());
        this.shapes = new Shapes(known);
    }

    /** Returns where elements come from, in words. */
    String description() {
        String strings = config.inputs().stream()
                .anyMatch(input -> input.dataType().equals(Optional.of(DataType.BYTES)))
                        ? " (random strings mean nothing to most models: name a file)"
                        : "";
        return sample.isPresent()
                ? "the warm-up sample '" + sample.get().name() + "'"
                : switch (source.orElse(RANDOM)) {
                    case InputSource.Random _ -> "random elements" + strings;
                    case InputSource.Zero _ -> "zeros";
                    case InputSource.File file -> file.path().toString();
                };
    }

    /**
     * Returns the inputs of one request or more, each with so many rows.
     *
     * @throws TuneException when they can't be made
     */
    List<List<InputTensor>> ofRows(int rows) {
        try {
            List<List<InputTensor>> made = new InputMaker(description(config), source.orElse(RANDOM), shapes, rows,
                    STRING_LENGTH).make();
            return sample.isEmpty() ? made : made.stream().map(tensors -> sampled(tensors, rows)).toList();
        } catch (PerfException e) {
            throw new TuneException(String.valueOf(e.getMessage()), e);
        }
    }

    private static ModelDescription description(ModelConfig config) {
        List<TensorDescription> inputs = new ArrayList<>();
        for (ModelInput input : config.inputs()) {
            DataType dataType = input.dataType().orElseThrow(() -> new TuneException(
                    "input '" + input.name() + "' of model '" + config.name() + "' has no datatype"));
            inputs.add(new TensorDescription(input.name(), dataType,
                    Arrays.stream(input.dims().toArray()).boxed().toList(), input.isOptional()));
        }
        return new ModelDescription(config.name(), config.maxBatchSize(), inputs, config.isDecoupled(), false);
    }

    private List<InputTensor> sampled(List<InputTensor> tensors, int rows) {
        Map<String, Warmup.Input> inputs = sample.orElseThrow().inputs();
        return tensors.stream().map(tensor -> {
            Warmup.Input input = inputs.get(tensor.name());
            return switch (input == null ? new Source.Random() : input.source()) {
                case Source.Random _ -> tensor;
                case Source.Zero _ -> new InputTensor(tensor.name(), tensor.dataType(), tensor.shape(),
                        new byte[tensor.bytes().length]);
                case Source.File file -> new InputTensor(tensor.name(), tensor.dataType(), tensor.shape(),
                        repeated(read(file.name()), rows));
            };
        }).toList();
    }

    private byte[] read(String name) {
        try {
            return Files.readAllBytes(directory.resolve("warmup").resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException("the warm-up file '" + name + "' can't be read", e);
        }
    }

    private static byte[] repeated(byte[] row, int rows) {
        byte[] all = new byte[row.length * rows];
        for (int i = 0; i < rows; i++) {
            System.arraycopy(row, 0, all, i * row.length, row.length);
        }
        return all;
    }
}

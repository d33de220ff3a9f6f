package dev.nereid.tools.perf;

import dev.nereid.backend.api.tensor.DataType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;

/** Makes the inputs of the requests. */
public final class InputMaker {
    /** Fits every integer datatype, and the vocabulary of nearly every model that looks numbers up. */
    private static final int RANDOM_INTEGERS = 128;
    private static final String LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

    private final ModelDescription model;
    private final InputSource source;
    private final Shapes shapes;
    private final int batchSize;
    private final int stringLength;

    /**
     * Creates a maker.
     *
     * @param batchSize rows of each request
     * @param stringLength letters of random strings
     */
    public InputMaker(ModelDescription model, InputSource source, Shapes shapes, int batchSize, int stringLength) {
        this.model = model;
        this.source = source;
        this.shapes = shapes;
        this.batchSize = batchSize;
        this.stringLength = stringLength;
    }

    /** Returns the inputs of each request that is to be sent; they are sent in turn. */
    public List<List<InputTensor>> make() {
        if (batchSize > 1 && model.maxBatchSize() == 0) {
            throw new PerfException("model '" + model.name() + "' takes no batches, so -b must be 1");
        }
        if (model.maxBatchSize() > 0 && batchSize > model.maxBatchSize()) {
            throw new PerfException("model '" + model.name() + "' takes batches of at most " + model.maxBatchSize()
                    + ", -b is " + batchSize);
        }
        shapes.check(model);
        return switch (source) {
            case InputSource.Random random -> List.of(generate(Optional.of(new SplittableRandom(random.seed()))));
            case InputSource.Zero _ -> List.of(generate(Optional.empty()));
            case InputSource.File file -> group(InputFile.read(file.path(), model, shapes));
        };
    }

    private List<InputTensor> generate(Optional<SplittableRandom> random) {
        List<InputTensor> inputs = new ArrayList<>();
        for (TensorDescription input : model.inputs()) {
            if (!input.isOptional()) {
                List<Long> shape = batched(shapes.of(input));
                long elements = Shapes.elementCount(shape);
                inputs.add(new InputTensor(input.name(), input.dataType(), shape,
                        random.isPresent()
                                ? random(input.dataType(), elements, random.get())
                                : zeros(input, elements)));
            }
        }
        return inputs;
    }

    private static byte[] zeros(TensorDescription input, long elements) {
        // The empty string is a length of zero.
        int size = input.dataType() == DataType.BYTES ? Integer.BYTES : input.dataType().byteSize();
        if (elements > Integer.MAX_VALUE / 16 / size) {
            throw new PerfException("input '" + input.name() + "' would have " + elements + " elements, too many");
        }
        return new byte[(int) (elements * size)];
    }

    private byte[] random(DataType dataType, long elements, SplittableRandom random) {
        TensorBytes bytes = new TensorBytes(dataType);
        for (long i = 0; i < elements; i++) {
            switch (dataType) {
                case BOOL -> bytes.add(random.nextInt(2));
                case FP16, BF16, FP32, FP64 -> bytes.add(random.nextDouble());
                case BYTES -> bytes.add(randomText(random));
                case UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64 ->
                    bytes.add(random.nextInt(RANDOM_INTEGERS));
            }
        }
        return bytes.toByteArray();
    }

    private String randomText(SplittableRandom random) {
        StringBuilder text = new StringBuilder(stringLength);
        for (int i = 0; i < stringLength; i++) {
            text.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return text.toString();
    }

    private List<Long> batched(List<Long> shape) {
        if (model.maxBatchSize() == 0) {
            return shape;
        }
        List<Long> batched = new ArrayList<>(List.of((long) batchSize));
        batched.addAll(shape);
        return batched;
    }

    /** Puts the entries of a file into batches: each takes the next entries, from the last on to the first again. */
    private List<List<InputTensor>> group(List<List<InputTensor>> entries) {
        int requests = entries.size() / greatestCommonDivisor(entries.size(), batchSize);
        List<List<InputTensor>> groups = new ArrayList<>();
        for (int i = 0; i < requests; i++) {
            List<List<InputTensor>> parts = new ArrayList<>();
            for (int j = 0; j < batchSize; j++) {
                parts.add(entries.get((int) (((long) i * batchSize + j) % entries.size())));
            }
            groups.add(join(parts));
        }
        return groups;
    }

    private List<InputTensor> join(List<List<InputTensor>> parts) {
        List<InputTensor> joined = new ArrayList<>();
        List<InputTensor> first = parts.getFirst();
        for (int k = 0; k < first.size(); k++) {
            InputTensor tensor = first.get(k);
            byte[] bytes = tensor.bytes();
            for (List<InputTensor> part : parts.subList(1, parts.size())) {
                if (part.size() != first.size() || !part.get(k).name().equals(tensor.name())
                        || !part.get(k).shape().equals(tensor.shape())) {
                    throw new PerfException("entries of the input file that go into one batch must agree in inputs "
                            + "and shapes; input '" + tensor.name() + "' does not");
                }
                byte[] more = part.get(k).bytes();
                int length = bytes.length;
                bytes = Arrays.copyOf(bytes, length + more.length);
                System.arraycopy(more, 0, bytes, length, more.length);
            }
            joined.add(new InputTensor(tensor.name(), tensor.dataType(), batched(tensor.shape()), bytes));
        }
        return joined;
    }

    private static int greatestCommonDivisor(int a, int b) {
        return b == 0 ? a : greatestCommonDivisor(b, a % b);
    }
}

package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.batch.BatchInputMaker;
import dev.nereid.backend.api.batch.InputGatherer;
import dev.nereid.backend.api.batch.RequestIds;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.BytesElements;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Placement;
import dev.nereid.backend.api.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Makes ONNX Runtime's tensors from the inputs of a batch: over the requests' own memory where that can be, else over one
 * copy. Used by one thread at a time.
 */
final class InputFeeder implements AutoCloseable {
    private final OrtEnvironment environment;
    private final List<Source> sources;

    private InputFeeder(OrtEnvironment environment, List<Source> sources) {
        this.environment = environment;
        this.sources = sources;
    }

    static InputFeeder create(ModelConfig config, OrtSession session, Map<String, MemorySegment> names) {
        List<Source> sources = new ArrayList<>();
        List<OnnxTensorInfo> tensors = new ArrayList<>(session.inputs());
        tensors.addAll(session.initializers());
        for (OnnxTensorInfo info : tensors) {
            boolean isRequired = session.inputs().contains(info);
            boolean isRagged = config.input(info.name()).map(ModelInput::allowRaggedBatch).orElse(false);
            Optional<BatchInputMaker> maker = config.batchInputs().stream()
                    .filter(batchInput -> batchInput.targetNames().contains(info.name())).findFirst()
                    .map(batchInput -> new BatchInputMaker(info.name(), batchInput));
            MemorySegment name = names.get(info.name());
            if (name != null) {
                sources.add(new Source(info, name.address(), isRequired, isRagged, new InputGatherer(info.name()),
                        maker));
            }
        }
        return new InputFeeder(session.environment(), List.copyOf(sources));
    }

    /** An input of the model; with a maker where it is made from the shapes of the batch. */
    private record Source(OnnxTensorInfo info, long name, boolean isRequired, boolean isRagged,
            InputGatherer gatherer, Optional<BatchInputMaker> maker) {
        Tensor tensor(Batch batch) {
            if (maker.isPresent()) {
                return maker.get().make(batch);
            }
            return isRagged ? gatherer.gatherFlat(batch) : gatherer.gather(batch);
        }

        void close() {
            gatherer.close();
            maker.ifPresent(BatchInputMaker::close);
        }
    }

    /**
     * The tensors of one batch; they are released with it.
     *
     * @param names the addresses of their names
     * @param values the tensors
     * @param memory where they lie, as far as that is the request's or this side's memory
     */
    record Feed(OrtApi api, List<Long> names, List<Long> values, List<MemorySegment> memory) implements AutoCloseable {
        /** Returns whether that address lies in what was fed. */
        boolean holds(long address) {
            for (MemorySegment segment : memory) {
                if (address >= segment.address() && address < segment.address() + segment.byteSize()) {
                    return true;
                }
            }
            return false;
        }

        @Override
        public void close() {
            values.forEach(api::releaseValue);
            values.clear();
        }
    }

    /** Returns the tensors; valid until the next call, and no longer than the requests. */
    Feed feed(Batch batch, Arena arena) {
        Feed feed = new Feed(environment.api(), new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        try {
            InferenceRequest first = batch.requests().getFirst();
            for (Source source : sources) {
                String name = source.info().name();
                if (source.maker().isPresent() || first.input(name).isPresent()) {
                    add(source, batch, feed, arena);
                } else if (source.isRequired()) {
                    throw InferenceException
                            .invalid(RequestIds.prefix(first) + "request has no input '" + name + "'");
                }
            }
            return feed;
        } catch (RuntimeException | Error e) {
            feed.close();
            throw e;
        }
    }

    private void add(Source source, Batch batch, Feed feed, Arena arena) {
        Tensor tensor = source.tensor(batch);
        if (tensor.placement().kind() == Placement.Kind.GPU) {
            throw InferenceException.unsupported("input '" + tensor.name()
                    + "' lies in GPU memory, which the onnxruntime backend does not read");
        }
        long[] dimensions = source.info().isScalar() ? new long[0] : tensor.shape().toArray();
        MemorySegment shape = arena.allocateFrom(JAVA_LONG, dimensions);
        MemorySegment result = arena.allocate(JAVA_LONG);
        if (tensor.dataType() == DataType.BYTES) {
            environment.api().createTensor(environment.allocator(), shape.address(), dimensions.length,
                    OnnxTypes.code(DataType.BYTES), result.address());
            long value = result.get(JAVA_LONG, 0);
            feed.names().add(source.name());
            feed.values().add(value);
            fill(value, tensor, arena);
            return;
        }
        MemorySegment data = source.gatherer().aligned(tensor).data();
        environment.api().wrapTensor(environment.memoryInfo(), data.address(), data.byteSize(), shape.address(),
                dimensions.length, OnnxTypes.code(tensor.dataType()), result.address());
        feed.names().add(source.name());
        feed.values().add(result.get(JAVA_LONG, 0));
        feed.memory().add(data);
    }

    /** Copies the texts, byte by byte as they are. */
    private void fill(long value, Tensor tensor, Arena arena) {
        List<MemorySegment> elements = BytesElements.slices(tensor.data());
        long expected = tensor.shape().elementCount();
        if (elements.size() != expected) {
            throw InferenceException.invalid("unexpected number of string elements " + elements.size()
                    + " for inference input '" + tensor.name() + "', expecting " + expected);
        }
        MemorySegment result = arena.allocate(JAVA_LONG);
        for (int i = 0; i < elements.size(); i++) {
            MemorySegment element = elements.get(i);
            environment.api().stringBuffer(value, i, element.byteSize(), result.address());
            if (element.byteSize() > 0) {
                MemorySegment target = OrtApi.memory(result.get(JAVA_LONG, 0), element.byteSize());
                MemorySegment.copy(element, JAVA_BYTE, 0, target, JAVA_BYTE, 0, element.byteSize());
            }
        }
    }

    /** Returns the texts of a model's tensor names, ended by zero, as long as {@code arena} is open. */
    static Map<String, MemorySegment> names(OrtSession session, Arena arena) {
        Map<String, MemorySegment> names = new HashMap<>();
        session.inputs().forEach(info -> names.put(info.name(), arena.allocateFrom(info.name())));
        session.initializers().forEach(info -> names.put(info.name(), arena.allocateFrom(info.name())));
        return names;
    }

    @Override
    public void close() {
        sources.forEach(Source::close);
    }
}

package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StagingMemory;
import dev.nereid.backend.api.batch.BatchParts;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Executes on one GPU: a context for each of its profiles, memory for the largest inputs and outputs, and one stream, or
 * two where outputs are copied on a stream of their own. Called by one thread at a time.
 */
final class TensorRtInstance implements ModelInstance {
    private static final Logger LOGGER = System.getLogger(TensorRtInstance.class.getName());

    private final TensorRt trt;
    private final int device;
    private final ModelConfig config;
    private final EngineLayout layout;
    private final Map<Integer, String> profileNames;
    private final Owned owned;
    private final RequestCheck check;
    private final List<InputBinding> inputs = new ArrayList<>();
    private final List<OutputBinding> outputs = new ArrayList<>();
    private final Map<Integer, ProfileContext> contexts = new LinkedHashMap<>();
    private final CudaStream stream;
    private final CudaStream outputStream;
    private final TensorRt.CudaEvent computed;
    private final TensorRt.CudaEvent copied;

    private TensorRtInstance(InstanceContext context, TensorRt trt, TensorPlan plan, EngineLayout layout,
            Map<Integer, String> profileNames, Owned owned) {
        this.trt = trt;
        this.device = context.deviceId();
        this.config = context.config();
        this.layout = layout;
        this.profileNames = profileNames;
        this.owned = owned;
        this.check = new RequestCheck(context.name(), config.name(), config.isBatching(), plan,
                profileNames.keySet().stream().map(layout.profiles()::get).toList());
        this.stream = ownedStream();
        boolean separate = config.optimization().cuda().outputCopyStream();
        this.outputStream = separate ? ownedStream() : stream;
        this.computed = ownedEvent();
        this.copied = ownedEvent();
    }

    static TensorRtInstance create(InstanceContext context, TensorRt trt, TrtEngine engine, TrtParameters parameters,
            StagingMemory staging) {
        ModelConfig config = context.config();
        TensorPlan plan = TensorPlan.of(config, engine.layout());
        Map<Integer, String> profiles = ProfileChoice.of(context.group().profiles(), engine.layout(), context.name());
        checkBatchSize(config, engine.layout(), profiles);
        List<GraphSpecs.Spec> graphs = GraphSpecs.of(config);
        Owned owned = new Owned();
        try {
            TensorRtInstance instance = new TensorRtInstance(context, trt, plan, engine.layout(), profiles, owned);
            instance.prepare(plan, engine, parameters.followsProfile(), staging);
            instance.capture(graphs, plan, context.name());
            LOGGER.log(Level.INFO, () -> "Created instance " + context.name() + " on GPU " + context.deviceId()
                    + " with stream priority " + config.optimization().priority() + " and optimization profile"
                    + names(profiles));
            return instance;
        } catch (RuntimeException | Error e) {
            owned.closeAfter(e);
            throw e;
        }
    }

    private static String names(Map<Integer, String> profiles) {
        StringBuilder text = new StringBuilder();
        profiles.forEach((index, name) -> text.append(' ').append(name).append('[').append(index).append(']'));
        return text.toString();
    }

    private static void checkBatchSize(ModelConfig config, EngineLayout layout, Map<Integer, String> profiles) {
        if (!config.isBatching()) {
            return;
        }
        long supported = profiles.keySet().stream()
                .mapToLong(index -> ProfileChoice.maxBatchSize(layout, layout.profiles().get(index))).max().orElse(0);
        if (config.maxBatchSize() > supported
                && config.inputs().stream().noneMatch(input -> input.allowRaggedBatch())) {
            throw InferenceException.invalid("unable to load model '" + config.name()
                    + "', configuration specified max-batch " + config.maxBatchSize()
                    + " but TensorRT engine only supports max-batch " + supported);
        }
    }

    private CudaStream ownedStream() {
        CudaStream created = trt.createStream(config.optimization().priority());
        return owned.add(created, created::close);
    }

    private TensorRt.CudaEvent ownedEvent() {
        TensorRt.CudaEvent created = trt.createEvent(config.optimization().cuda().busyWaitEvents());
        return owned.add(created, created::close);
    }

    private void prepare(TensorPlan plan, TrtEngine engine, boolean followsProfile, StagingMemory staging) {
        StagingMemory inputStaging = config.optimization().inputPinnedMemory() ? staging : StagingMemory.PLAIN;
        StagingMemory outputStaging = config.optimization().outputPinnedMemory() ? staging : StagingMemory.PLAIN;
        Map<Integer, Map<String, Dims>> largest = new HashMap<>();
        for (TensorPlan.InputSlot slot : plan.inputs()) {
            long bytes = 0;
            for (int index : profileNames.keySet()) {
                Dims dims = slot.tensor().isShape()
                        ? slot.tensor().dims()
                        : ProfileContext.largest(slot, range(index, slot.name()), config.maxBatchSize());
                largest.computeIfAbsent(index, _ -> new HashMap<>()).put(slot.name(), dims);
                bytes = Math.max(bytes, inputBytes(slot.tensor(), dims, slot.dataType()));
            }
            inputs.add(InputBinding.create(slot, config.isBatching(), bytes, trt, inputStaging, owned));
        }
        Map<String, Long> outputBytes = new HashMap<>();
        for (int index : profileNames.keySet()) {
            TrtContext context = engine.createContext(followsProfile);
            owned.add(context, context::close);
            context.selectProfile(index, stream);
            ProfileContext profile = new ProfileContext(context, layout.profiles().get(index), inputs);
            contexts.put(index, profile);
            Map<String, Dims> shapes = profile.largestOutputs(largest.getOrDefault(index, Map.of()), plan.outputs());
            for (TensorPlan.OutputSlot slot : plan.outputs()) {
                Dims dims = Objects.requireNonNull(shapes.get(slot.name()));
                // Where one profile can't tell, the output's memory grows for all.
                long bytes = dims.isFixed() ? outputBytes(slot.tensor(), dims, slot.dataType()) : -1;
                outputBytes.merge(slot.name(), bytes, (one, other) -> one < 0 || other < 0 ? -1 : Math.max(one, other));
            }
        }
        for (TensorPlan.OutputSlot slot : plan.outputs()) {
            outputs.add(OutputBinding.create(slot, Objects.requireNonNull(outputBytes.get(slot.name())), trt,
                    outputStaging, owned));
        }
        contexts.values().forEach(context -> context.connect(outputs));
        stream.synchronize();
    }

    private EngineLayout.Range range(int profile, String input) {
        return Objects.requireNonNull(layout.profiles().get(profile).shapes().get(input));
    }

    private long inputBytes(EngineLayout.IoTensor tensor, Dims dims, DataType dataType) {
        EngineLayout.Format format = tensor.format();
        if (format.mayPadRows()) {
            throw InferenceException.unsupported("tensor '" + tensor.name() + "' of model '" + config.name()
                    + "' has format " + format.name() + ", whose rows may be padded; it can't be sent");
        }
        if (format.vectorDimension() >= 0 && tensor.dims().get(format.vectorDimension()) == Dims.ANY) {
            throw InferenceException.unsupported("tensor '" + tensor.name() + "' of model '" + config.name()
                    + "' has format " + format.name() + ", which pads dimension " + format.vectorDimension() + " of "
                    + tensor.dims() + " to a multiple of " + format.vectorLength()
                    + "; it can be sent only where the engine fixes that dimension");
        }
        return format.byteSize(dims.toArray(), dataType);
    }

    private long outputBytes(EngineLayout.IoTensor tensor, Dims dims, DataType dataType) {
        long padded = tensor.format().byteSize(dims.toArray(), dataType);
        long plain = EngineLayout.Format.LINEAR.byteSize(dims.toArray(), dataType);
        if (padded != plain || tensor.format().mayPadRows()) {
            throw InferenceException.unsupported("tensor '" + tensor.name() + "' of model '" + config.name()
                    + "' has format " + tensor.format().name() + ", which pads " + dims
                    + "; only outputs without padding can be answered");
        }
        return plain;
    }

    private void capture(List<GraphSpecs.Spec> graphs, TensorPlan plan, String name) {
        if (graphs.isEmpty()) {
            return;
        }
        if (plan.dependsOnValues()) {
            LOGGER.log(Level.WARNING, () -> "Detected shape tensor, CUDA graph is not captured for " + name);
            return;
        }
        if (!outputs.stream().allMatch(OutputBinding::isSized)) {
            LOGGER.log(Level.WARNING,
                    () -> "Outputs whose size only the execution tells, CUDA graph is not captured for "
                            + name);
            return;
        }
        contexts.values().forEach(context -> context.capture(graphs, name, stream, owned));
    }

    @Override
    public void execute(Batch batch) {
        trt.use(device);
        try {
            BatchParts.execute(batch, check::common, this::executeAlike);
        } finally {
            // The GPU reads the requests' memory until here.
            Reference.reachabilityFence(batch);
        }
    }

    private void executeAlike(Batch part) {
        Map<String, InputBinding.Bound> bound = new LinkedHashMap<>();
        inputs.forEach(input -> bound.put(input.slot().name(), input.bind(part)));
        ProfileContext context = Objects.requireNonNull(contexts.get(profile(bound)));
        boolean isQuiet = false;
        try {
            for (InputBinding input : inputs) {
                input.load(part, Objects.requireNonNull(bound.get(input.slot().name())), stream);
            }
            part.markComputeStart();
            Map<String, Dims> shapes = context.run(bound, part.rows(), stream);
            List<Fetched> fetched = fetch(part, shapes);
            BatchResponses responses = new BatchResponses(part, config.isBatching());
            copied.await();
            isQuiet = true;
            for (Fetched output : fetched) {
                output.binding().write(output.shape(), output.data(), responses, config.isBatching());
            }
            responses.send();
        } finally {
            if (!isQuiet) {
                quieten();
            }
        }
    }

    /** Waits for work that a failure has left on the streams: it uses memory that others will use next. */
    private void quieten() {
        try {
            stream.synchronize();
            outputStream.synchronize();
        } catch (InferenceException e) {
            LOGGER.log(Level.DEBUG, () -> "after a failed execution of '" + config.name() + "': " + e.getMessage());
        }
    }

    private record Fetched(OutputBinding binding, Shape shape, MemorySegment data) {
    }

    @SuppressWarnings("ReferenceEquality") // one stream may serve as both
    private List<Fetched> fetch(Batch part, Map<String, Dims> shapes) {
        stream.record(computed);
        if (outputStream != stream) {
            outputStream.waitFor(computed);
        }
        List<OutputBinding> wanted = outputs.stream().filter(output -> isRequested(part, output.slot().name()))
                .toList();
        List<Fetched> fetched = new ArrayList<>();
        for (OutputBinding output : wanted) {
            if (output.isSized()) {
                Shape shape = OutputBinding.shape(Objects.requireNonNull(shapes.get(output.slot().name())));
                fetched.add(new Fetched(output, shape, output.fetch(shape, outputStream)));
            }
        }
        computed.await();
        for (OutputBinding output : wanted) {
            if (!output.isSized()) {
                output.checkMemory();
                Shape shape = output.toldShape();
                fetched.add(new Fetched(output, shape, output.fetch(shape, outputStream)));
            }
        }
        outputStream.record(copied);
        fetched.sort(Comparator.comparingInt(output -> outputs.indexOf(output.binding())));
        return fetched;
    }

    private static boolean isRequested(Batch part, String output) {
        for (InferenceRequest request : part.requests()) {
            if (request.isOutputRequested(output)) {
                return true;
            }
        }
        return false;
    }

    /** Returns the profile that serves these shapes best. */
    private int profile(Map<String, InputBinding.Bound> bound) {
        Map<String, Dims> shapes = new HashMap<>();
        Map<String, Dims> values = new HashMap<>();
        for (InputBinding input : inputs) {
            String name = input.slot().name();
            InputBinding.Bound what = Objects.requireNonNull(bound.get(name));
            if (input.slot().tensor().isShape()) {
                values.put(name, what.values());
            } else {
                shapes.put(name, what.dims());
            }
        }
        if (contexts.size() > 1) {
            return ProfileChoice.closest(profileNames, layout, shapes, values);
        }
        int only = contexts.keySet().iterator().next();
        shapes.forEach((name, dims) -> ProfileChoice.misfit(dims, range(only, name), 0).ifPresent(misfit -> {
            throw InferenceException.invalid("request specifies invalid shape for input '" + name + "' for "
                    + config.name() + ". Error details: " + misfit);
        }));
        values.forEach((name, content) -> Optional.ofNullable(layout.profiles().get(only).values().get(name))
                .flatMap(range -> ProfileChoice.misfitOfValues(content, range, 0)).ifPresent(misfit -> {
                    throw InferenceException.invalid("request specifies invalid shape values for input '" + name
                            + "' for " + config.name() + ". Error details: " + misfit);
                }));
        return only;
    }

    /** Returns how many graphs were captured. */
    int graphCount() {
        return contexts.values().stream().mapToInt(ProfileContext::graphCount).sum();
    }

    @Override
    public void close() {
        trt.use(device);
        owned.close();
    }
}

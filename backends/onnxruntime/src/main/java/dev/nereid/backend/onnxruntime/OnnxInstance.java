package dev.nereid.backend.onnxruntime;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.backend.api.batch.BatchResponses;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.ref.Reference;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * One executor of a model's session. It has no thread of its own: any thread may call it, one at a time.
 */
final class OnnxInstance implements ModelInstance {
    private static final int RELEASE_RUN_OPTIONS = 97;

    private final ModelConfig config;
    /** Those of the configuration, and states that it does not list as outputs. */
    private final List<ModelOutput> outputs;
    private final OrtApi api;
    private final OrtSession session;
    private final Arena arena;
    private final Map<String, MemorySegment> outputNames;
    private final InputFeeder feeder;
    private final OutputReader reader;
    private final long runOptions;

    private OnnxInstance(ModelConfig config, List<ModelOutput> outputs, OrtSession session, Arena arena,
            Map<String, MemorySegment> outputNames,
            InputFeeder feeder, long runOptions) {
        this.config = config;
        this.outputs = outputs;
        this.api = session.environment().api();
        this.session = session;
        this.arena = arena;
        this.outputNames = outputNames;
        this.feeder = feeder;
        this.reader = new OutputReader(api, config.batchOutputs());
        this.runOptions = runOptions;
    }

    @SuppressWarnings("MustBeClosedChecker") // close() closes it
    static OnnxInstance create(ModelConfig config, OnnxParameters parameters, OrtSession session) {
        Arena arena = Arena.ofShared();
        try {
            Map<String, MemorySegment> outputNames = new HashMap<>();
            List<ModelOutput> outputs = outputs(config);
            outputs.forEach(output -> outputNames.put(output.name(), arena.allocateFrom(output.name())));
            InputFeeder feeder = InputFeeder.create(config, session, InputFeeder.names(session, arena));
            long runOptions = runOptions(session.environment().api(), parameters.runEntries());
            return new OnnxInstance(config, outputs, session, arena, outputNames, feeder, runOptions);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    private static List<ModelOutput> outputs(ModelConfig config) {
        List<ModelOutput> outputs = new ArrayList<>(config.outputs());
        if (config.scheduling() instanceof Scheduling.SequenceBatching sequence) {
            for (Scheduling.State state : sequence.states()) {
                if (outputs.stream().noneMatch(output -> output.name().equals(state.outputName()))) {
                    outputs.add(
                            new ModelOutput(state.outputName(), state.dataType(), state.dims(), Optional.empty(), "",
                                    false, false));
                }
            }
        }
        return List.copyOf(outputs);
    }

    private static long runOptions(OrtApi api, Map<String, String> entries) {
        MethodHandle create = api.status(39, JAVA_LONG);
        MethodHandle add = api.status(165, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        long options = api.create(out -> () -> (long) create.invokeExact(out));
        try (Arena arena = Arena.ofConfined()) {
            entries.forEach((key, value) -> {
                long keyText = arena.allocateFrom(key).address();
                long valueText = arena.allocateFrom(value).address();
                api.check(() -> (long) add.invokeExact(options, keyText, valueText));
            });
            return options;
        } catch (RuntimeException | Error e) {
            api.release(RELEASE_RUN_OPTIONS, options);
            throw e;
        }
    }

    @Override
    public void execute(Batch batch) {
        if (batch.requests().stream().allMatch(InferenceRequest::isCancelled)) {
            throw new InferenceException(StatusCode.CANCELLED, "request was cancelled");
        }
        try (Arena scratch = Arena.ofConfined(); InputFeeder.Feed feed = feeder.feed(batch, scratch)) {
            List<ModelOutput> outputs = requested(batch.requests());
            MemorySegment values = scratch.allocate(JAVA_LONG, Math.max(1, outputs.size()));
            batch.markComputeStart();
            if (!outputs.isEmpty()) {
                run(feed, outputs, values, scratch);
            }
            respond(batch, feed, outputs, values, scratch);
        } catch (OrtException e) {
            throw failure(e);
        } finally {
            // Native code reads the requests' memory until here.
            Reference.reachabilityFence(batch);
        }
    }

    private List<ModelOutput> requested(List<InferenceRequest> requests) {
        List<ModelOutput> requested = new ArrayList<>();
        for (ModelOutput output : outputs) {
            for (InferenceRequest request : requests) {
                if (request.isOutputRequested(output.name())) {
                    requested.add(output);
                    break;
                }
            }
        }
        return requested;
    }

    private void run(InputFeeder.Feed feed, List<ModelOutput> outputs, MemorySegment values, Arena scratch) {
        int inputCount = feed.values().size();
        MemorySegment inputNames = scratch.allocate(JAVA_LONG, Math.max(1, inputCount));
        MemorySegment inputs = scratch.allocate(JAVA_LONG, Math.max(1, inputCount));
        for (int i = 0; i < inputCount; i++) {
            inputNames.setAtIndex(JAVA_LONG, i, feed.names().get(i));
            inputs.setAtIndex(JAVA_LONG, i, feed.values().get(i));
        }
        MemorySegment names = scratch.allocate(JAVA_LONG, outputs.size());
        for (int i = 0; i < outputs.size(); i++) {
            names.setAtIndex(JAVA_LONG, i, Objects.requireNonNull(outputNames.get(outputs.get(i).name()))
                    .address());
        }
        api.run(session.handle(), runOptions, inputNames.address(), inputs.address(), inputCount, names.address(),
                outputs.size(), values);
    }

    private void respond(Batch batch, InputFeeder.Feed feed, List<ModelOutput> outputs, MemorySegment addresses,
            Arena scratch) {
        List<OutputValue> values = new ArrayList<>();
        for (int i = 0; i < outputs.size(); i++) {
            values.add(new OutputValue(api, addresses.getAtIndex(JAVA_LONG, i)));
        }
        try {
            BatchResponses responses = new BatchResponses(batch, config.isBatching());
            for (int i = 0; i < outputs.size(); i++) {
                if (values.get(i).address() == 0) {
                    throw InferenceException.internal("output tensor '" + outputs.get(i).name() + "' is not found");
                }
                reader.read(outputs.get(i), values.get(i), feed, responses, scratch);
            }
            responses.send();
        } finally {
            values.forEach(OutputValue::close);
        }
    }

    private InferenceException failure(OrtException error) {
        return new InferenceException(StatusCode.INTERNAL,
                "onnx runtime error " + error.code() + ": " + OrtErrors.brief(error), error);
    }

    @Override
    public void close() {
        feeder.close();
        api.release(RELEASE_RUN_OPTIONS, runOptions);
        arena.close();
    }
}

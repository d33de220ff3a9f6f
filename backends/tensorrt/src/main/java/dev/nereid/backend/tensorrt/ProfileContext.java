package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/** The execution context of one optimisation profile, with the graphs that were captured for it. */
final class ProfileContext {
    private static final Logger LOGGER = System.getLogger(ProfileContext.class.getName());

    private final TrtContext context;
    private final EngineLayout.Profile profile;
    private final List<InputBinding> inputs;
    private final List<Captured> graphs = new ArrayList<>();
    private List<OutputBinding> outputs = List.of();

    ProfileContext(TrtContext context, EngineLayout.Profile profile, List<InputBinding> inputs) {
        this.context = context;
        this.profile = profile;
        this.inputs = inputs;
    }

    /**
     * A captured graph.
     *
     * @param graph does the work
     * @param spec what it was captured for
     * @param inputs the shapes that it was captured with
     * @param outputs the shapes that it leaves
     */
    private record Captured(TensorRt.CudaGraph graph, GraphSpecs.Spec spec, Map<String, Dims> inputs,
            Map<String, Dims> outputs) {
        /** Returns whether it also serves these shapes, of a smaller batch. */
        boolean isFor(Map<String, Dims> wanted) {
            return spec.isInexact() && wanted.entrySet().stream()
                    .allMatch(entry -> covers(Objects.requireNonNull(inputs.get(entry.getKey())), entry.getValue()));
        }

        /** Returns the shapes of the outputs without the rows that filled a smaller batch up. */
        Map<String, Dims> outputsOf(int rows) {
            Map<String, Dims> shapes = new HashMap<>(outputs);
            shapes.replaceAll((_, dims) -> {
                long[] values = dims.toArray();
                if (values.length > 0 && values[0] == spec.rows()) {
                    values[0] = rows;
                }
                return Dims.of(values);
            });
            return shapes;
        }

        /** Beyond the first dimension shapes must be the same: the data of a smaller one would lie elsewhere. */
        private boolean covers(Dims captured, Dims wanted) {
            if (captured.rank() != wanted.rank() || captured.rank() == 0 || wanted.get(0) > captured.get(0)
                    || wanted.get(0) < spec.fewestRows()) {
                return false;
            }
            for (int i = 1; i < captured.rank(); i++) {
                if (captured.get(i) != wanted.get(i)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Sets the largest shapes that configuration and profile allow, and returns what each output then has. */
    Map<String, Dims> largestOutputs(Map<String, Dims> largestInputs, List<TensorPlan.OutputSlot> slots) {
        for (InputBinding input : inputs) {
            if (input.slot().tensor().isShape()) {
                EngineLayout.Range range = profile.values().get(input.slot().name());
                input.writeValues(range == null ? Dims.of() : range.max());
            } else {
                context.setInputShape(input.slot().name(),
                        OutputBinding.shape(Objects.requireNonNull(largestInputs.get(input.slot().name()))));
            }
            context.setAddress(input.slot().name(), input.address());
        }
        Map<String, Dims> shapes = new HashMap<>();
        slots.forEach(slot -> shapes.put(slot.name(), context.shape(slot.name())));
        return shapes;
    }

    /** Tells the context where outputs go. */
    void connect(List<OutputBinding> bindings) {
        outputs = bindings;
        for (OutputBinding output : bindings) {
            if (output.isSized()) {
                context.setAddress(output.slot().name(), output.address());
            } else {
                context.setOutputSink(output.slot().name(), output);
            }
        }
    }

    /**
     * Puts an execution of a batch of so many rows on the stream and returns the shapes of the outputs, as far as they are
     * known.
     */
    Map<String, Dims> run(Map<String, InputBinding.Bound> bound, int rows, CudaStream stream) {
        Map<String, Dims> shapes = new LinkedHashMap<>();
        bound.forEach((name, input) -> shapes.put(name, input.dims()));
        for (Captured captured : graphs) {
            if (shapes.equals(captured.inputs())) {
                stream.launch(captured.graph());
                return captured.outputs();
            }
            // What is split by the shapes of an input has no rows, by which the batch could be told from what fills it up.
            if (captured.isFor(shapes) && outputs.stream().allMatch(output -> output.slot().shapeSource().isEmpty())) {
                stream.launch(captured.graph());
                return captured.outputsOf(rows);
            }
        }
        return enqueue(shapes, stream);
    }

    private Map<String, Dims> enqueue(Map<String, Dims> shapes, CudaStream stream) {
        setShapes(shapes);
        outputs.forEach(OutputBinding::prepare);
        try {
            context.enqueue(stream);
        } catch (InferenceException e) {
            outputs.forEach(OutputBinding::checkMemory);
            throw e;
        }
        return outputShapes();
    }

    private void setShapes(Map<String, Dims> shapes) {
        for (InputBinding input : inputs) {
            if (!input.slot().tensor().isShape()) {
                context.setInputShape(input.slot().name(),
                        OutputBinding.shape(Objects.requireNonNull(shapes.get(input.slot().name()))));
            } else {
                // Tells the context that the values there may have changed.
                context.setAddress(input.slot().name(), input.address());
            }
        }
        context.checkComplete();
    }

    private Map<String, Dims> outputShapes() {
        Map<String, Dims> known = new HashMap<>();
        outputs.stream().filter(OutputBinding::isSized)
                .forEach(output -> known.put(output.slot().name(), context.shape(output.slot().name())));
        return known;
    }

    /** Captures a graph for each specification that this profile allows; the others are executed without. */
    void capture(List<GraphSpecs.Spec> specs, String instance, CudaStream stream, Owned owned) {
        for (GraphSpecs.Spec spec : specs) {
            Optional<Map<String, Dims>> shapes = shapes(spec, instance);
            if (shapes.isPresent()) {
                capture(spec, shapes.get(), instance, stream, owned);
            }
        }
    }

    private Optional<Map<String, Dims>> shapes(GraphSpecs.Spec spec, String instance) {
        Map<String, Dims> shapes = new LinkedHashMap<>();
        for (InputBinding input : inputs) {
            EngineLayout.Range range = Objects.requireNonNull(profile.shapes().get(input.slot().name()));
            Dims dims = spec.shape(input.slot(), range);
            Optional<String> misfit = ProfileChoice.misfit(dims, range, 0);
            if (misfit.isPresent()) {
                LOGGER.log(Level.DEBUG,
                        () -> "no CUDA graph of batch size " + spec.rows() + " for " + instance + ": input '"
                                + input.slot().name() + "': " + misfit.get());
                return Optional.empty();
            }
            shapes.put(input.slot().name(), dims);
        }
        return Optional.of(shapes);
    }

    private void capture(GraphSpecs.Spec spec, Map<String, Dims> shapes, String instance, CudaStream stream,
            Owned owned) {
        try {
            // The first execution of a shape may allocate, which can't be captured.
            Map<String, Dims> left = enqueue(shapes, stream);
            stream.synchronize();
            stream.beginCapture();
            TensorRt.CudaGraph graph;
            try {
                context.enqueue(stream);
            } catch (InferenceException e) {
                stream.endCapture().close();
                throw e;
            }
            graph = stream.endCapture();
            owned.add(graph, graph::close);
            graphs.add(new Captured(graph, spec, shapes, left));
            LOGGER.log(Level.DEBUG, () -> "captured CUDA graph for " + instance + ", batch size " + spec.rows());
        } catch (InferenceException e) {
            LOGGER.log(Level.WARNING,
                    () -> "unable to record CUDA graph for " + instance + ", batch size " + spec.rows()
                            + "; it is executed without: " + e.getMessage());
        }
    }

    int graphCount() {
        return graphs.size();
    }

    /** Returns the largest shape of an input. */
    static Dims largest(TensorPlan.InputSlot slot, EngineLayout.Range range, int maxBatchSize) {
        long[] dims = range.max().toArray();
        for (int i = 0; i < dims.length && slot.dims().rank() == dims.length; i++) {
            if (slot.dims().get(i) != Dims.ANY) {
                dims[i] = Math.min(dims[i], slot.dims().get(i));
            }
        }
        boolean hasRows = maxBatchSize > 0 && !slot.isRagged() && slot.batchInput().isEmpty();
        if (hasRows && dims.length > 0) {
            dims[0] = Math.min(dims[0], maxBatchSize);
        }
        return Dims.of(dims);
    }

}

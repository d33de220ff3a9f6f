package dev.nereid.backend.onnxruntime;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.QueuePolicy;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.backend.api.tensor.DataType;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Fills in what the configuration of a model leaves out and the model's file tells: inputs, outputs, whether it batches.
 * Where inputs and outputs are both given, nothing is filled in.
 */
final class ConfigCompleter {
    private static final Logger LOGGER = System.getLogger(ConfigCompleter.class.getName());

    private final ModelConfig config;
    private final OrtSession session;

    private ConfigCompleter(ModelConfig config, OrtSession session) {
        this.config = config;
        this.session = session;
    }

    /**
     * Returns the completed configuration.
     *
     * @param defaultMaxBatchSize of a model that can batch and says nothing about it
     */
    static ModelConfig complete(ModelConfig config, OrtSession session, int defaultMaxBatchSize) {
        boolean hasInputs = !config.inputs().isEmpty() || !config.batchInputs().isEmpty();
        if (hasInputs && !config.outputs().isEmpty()) {
            LOGGER.log(Level.DEBUG, () -> "skipping model configuration auto-complete for '" + config.name()
                    + "': inputs and outputs already specified");
            return config;
        }
        return new ConfigCompleter(config, session).complete(hasInputs, defaultMaxBatchSize);
    }

    private ModelConfig complete(boolean hasInputs, int defaultMaxBatchSize) {
        int maxBatchSize = maxBatchSize(defaultMaxBatchSize);
        ModelConfig.Builder builder = config.toBuilder().maxBatchSize(maxBatchSize);
        if (maxBatchSize > 1 && config.scheduling() instanceof Scheduling.Direct) {
            builder.scheduling(new Scheduling.DynamicBatching(List.of(), 0, false, 0, 0, QueuePolicy.DEFAULT,
                    Map.of()));
        }
        if (!hasInputs) {
            builder.inputs(session.inputs().stream().map(info -> input(info, maxBatchSize > 0)).toList());
        }
        if (config.outputs().isEmpty()) {
            builder.outputs(session.outputs().stream().map(info -> output(info, maxBatchSize > 0)).toList());
        }
        return builder.build();
    }

    private int maxBatchSize(int otherwise) {
        boolean canBatch = Stream.concat(session.inputs().stream(), session.outputs().stream())
                .allMatch(OnnxTensorInfo::canBatch);
        if (!canBatch) {
            if (config.maxBatchSize() != 0) {
                throw InferenceException.invalid("autofill failed for model '" + config.name()
                        + "': model does not support batching while non-zero max_batch_size is specified");
            }
            return 0;
        }
        if (config.maxBatchSize() == 0) {
            List<OnnxTensorInfo> tensors = Stream.concat(session.inputs().stream(), session.outputs().stream())
                    .toList();
            if (tensors.stream().map(OnnxTensorInfo::firstName).filter(name -> !name.isEmpty()).distinct()
                    .count() > 1) {
                LOGGER.log(Level.WARNING,
                        () -> "model '" + config.name() + "' is taken for one that does not batch, since"
                                + " it names the first dimensions of its tensors differently: " + firstNames(tensors)
                                + ". Where they are the batch all the same, specify max_batch_size in the model"
                                + " configuration");
                return 0;
            }
            LOGGER.log(Level.WARNING, () -> "autofilled max_batch_size to " + otherwise + " for model '" + config.name()
                    + "' since batching is supported but no max_batch_size is specified in model configuration. Must"
                    + " specify max_batch_size to utilize autofill with a larger max batch size");
            return otherwise;
        }
        return config.maxBatchSize();
    }

    private static String firstNames(List<OnnxTensorInfo> tensors) {
        return tensors.stream().map(tensor -> tensor.name() + " "
                + (tensor.firstName().isEmpty() ? "without a name" : "'" + tensor.firstName() + "'"))
                .collect(Collectors.joining(", "));
    }

    private ModelInput input(OnnxTensorInfo info, boolean batching) {
        return new ModelInput(info.name(), Optional.of(dataType(info)), ModelInput.Format.NONE, dims(info, batching),
                reshape(info, batching), false, false, false, false);
    }

    /** The reference takes an output of which no shape is told for a scalar; its answers have the shape that it gets. */
    private ModelOutput output(OnnxTensorInfo info, boolean batching) {
        if (info.shape().isEmpty()) {
            return new ModelOutput(info.name(), Optional.of(dataType(info)), Dims.of(1), Optional.empty(), "", false,
                    false);
        }
        return new ModelOutput(info.name(), Optional.of(dataType(info)), dims(info, batching), reshape(info, batching),
                "", false, false);
    }

    private DataType dataType(OnnxTensorInfo info) {
        return info.dataType().orElseThrow(() -> InferenceException.unsupported("autofill failed for model '"
                + config.name() + "': the elements of tensor '" + info.name() + "' have a type that can't be served"));
    }

    private Dims shape(OnnxTensorInfo info) {
        return info.shape().orElseThrow(() -> InferenceException.invalid("autofill failed for model '" + config.name()
                + "': the model does not tell the shape of tensor '" + info.name()
                + "'; specify the inputs and outputs in the model configuration"));
    }

    /** A configuration can't have no dims: one element stands for a scalar. */
    private Dims dims(OnnxTensorInfo info, boolean batching) {
        long[] dims = Arrays.stream(shape(info).toArray()).skip(batching ? 1 : 0).toArray();
        return dims.length == 0 ? Dims.of(1) : Dims.of(dims);
    }

    private Optional<Dims> reshape(OnnxTensorInfo info, boolean batching) {
        return batching && shape(info).rank() == 1 ? Optional.of(Dims.of()) : Optional.empty();
    }
}

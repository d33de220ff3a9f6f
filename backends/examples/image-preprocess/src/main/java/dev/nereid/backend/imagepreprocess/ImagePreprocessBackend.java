package dev.nereid.backend.imagepreprocess;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.DataType;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** Checks the configuration of models. It holds nothing; an instance keeps its own thread, since pictures take long. */
final class ImagePreprocessBackend implements Backend {
    static final String INPUT = "IMAGE";

    private static final BackendAttributes ATTRIBUTES = BackendAttributes.DEFAULT
            .withPreferredInstanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1)))
            .withParallelInstanceLoading(true);

    @Override
    public BackendAttributes attributes() {
        return ATTRIBUTES;
    }

    @Override
    public Model createModel(ModelContext context) {
        ModelConfig config = context.config();
        checkInput(config);
        ImageSettings settings = ImageSettings.of(config);
        Answerer answerer = settings.calledModel().isPresent()
                ? new CallingAnswerer(settings, config, context.models())
                : new TensorAnswerer(config);
        return instance -> {
            if (instance.kind() != InstanceGroup.Kind.CPU) {
                throw InferenceException.unsupported("instance '" + instance.name() + "' has kind "
                        + instance.kind() + ", but pictures are decoded on the CPU only");
            }
            return new ImagePreprocessInstance(settings, config.isBatching(), answerer);
        };
    }

    private static void checkInput(ModelConfig config) {
        List<String> names = config.inputs().stream().map(ModelInput::name).toList();
        if (!names.equals(List.of(INPUT))) {
            throw InferenceException.invalid("the model has inputs " + names + ", expected [" + INPUT + "]");
        }
        ModelInput input = config.inputs().getFirst();
        if (input.isOptional()) {
            throw InferenceException.unsupported("input '" + INPUT + "' can't be optional");
        }
        Dims dims = input.backendDims();
        if (!dims.isFixed()) {
            throw InferenceException.unsupported("input '" + INPUT + "' has dims " + dims + ", expected [1]");
        }
        if (!input.dataType().equals(Optional.of(DataType.BYTES))
                || Arrays.stream(dims.toArray()).anyMatch(size -> size != 1)) {
            throw InferenceException.invalid("input '" + INPUT + "' is "
                    + input.dataType().map(DataType::configName).orElse("TYPE_INVALID") + dims
                    + ", expected TYPE_STRING[1]: one picture");
        }
    }
}

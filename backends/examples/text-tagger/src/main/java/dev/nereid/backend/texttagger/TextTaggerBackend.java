package dev.nereid.backend.texttagger;

import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Reads a model's patterns and checks its configuration. It holds nothing, so any thread will do, on the CPU. */
final class TextTaggerBackend implements Backend {
    static final String INPUT = "TEXT";
    static final String TAGS = "TAGS";
    static final String MASKED = "MASKED";

    private static final BackendAttributes ATTRIBUTES = BackendAttributes.DEFAULT
            .withThreadConfinement(ThreadConfinement.ANY_THREAD)
            .withPreferredInstanceGroups(List.of(new InstanceGroup("", InstanceGroup.Kind.CPU, 1)))
            .withParallelInstanceLoading(true);
    private static final String DEFAULT_FILE = "patterns.txt";
    private static final Set<String> OUTPUTS = Set.of(TAGS, MASKED);

    @Override
    public BackendAttributes attributes() {
        return ATTRIBUTES;
    }

    @Override
    public Model createModel(ModelContext context) {
        ModelConfig config = context.config();
        checkTensors(config);
        String fileName = config.defaultModelFilename().isEmpty() ? DEFAULT_FILE : config.defaultModelFilename();
        Path file = context.versionDirectory().resolve(fileName);
        Tagger tagger = new Tagger(PatternFile.read(file, fileName), TaggerLimits.of(config));
        Set<String> outputs = config.outputs().stream().map(ModelOutput::name).collect(Collectors.toUnmodifiableSet());
        // The instances share the tagger; each is nothing but the right to use it once at a time.
        return instance -> {
            if (instance.kind() != InstanceGroup.Kind.CPU) {
                throw InferenceException.unsupported("instance '" + instance.name() + "' has kind "
                        + instance.kind() + ", but the text tagger runs on the CPU only");
            }
            return new TextTaggerInstance(tagger, outputs);
        };
    }

    private static void checkTensors(ModelConfig config) {
        List<String> inputs = config.inputs().stream().map(ModelInput::name).toList();
        if (!inputs.equals(List.of(INPUT))) {
            throw InferenceException.invalid("the model has inputs " + inputs + ", expected [" + INPUT + "]");
        }
        ModelInput input = config.inputs().getFirst();
        if (input.isOptional()) {
            throw InferenceException.unsupported("input '" + INPUT + "' can't be optional");
        }
        checkTexts("input '" + INPUT + "'", input.dataType());
        if (config.outputs().isEmpty()) {
            throw InferenceException.invalid("the model has no outputs, expected some of " + TAGS + " and " + MASKED);
        }
        for (ModelOutput output : config.outputs()) {
            String name = "output '" + output.name() + "'";
            if (!OUTPUTS.contains(output.name())) {
                throw InferenceException.invalid(name + " is unknown, expected " + TAGS + " or " + MASKED);
            }
            checkTexts(name, output.dataType());
            Dims dims = output.backendDims();
            if (!dims.equals(input.backendDims())) {
                throw InferenceException.invalid(name + " has dims " + dims + ", but input '" + INPUT + "' has "
                        + input.backendDims() + "; they must be the same");
            }
        }
    }

    private static void checkTexts(String name, Optional<DataType> dataType) {
        if (!dataType.equals(Optional.of(DataType.BYTES))) {
            throw InferenceException.invalid(name + " has datatype "
                    + dataType.map(DataType::configName).orElse("TYPE_INVALID") + ", expected TYPE_STRING");
        }
    }
}

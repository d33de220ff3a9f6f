package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EnsembleValidatorTest {
    private static final String IO = "input { name: 'I' data_type: TYPE_FP32 dims: 4 } output { name: 'O' data_type: TYPE_FP32 dims: 4 } ";
    private static final String FACE = "name: 'e' platform: 'ensemble' input { name: 'x' data_type: TYPE_FP32 dims: 4 } output { name: 'z' data_type: TYPE_FP32 dims: 4 } ";

    private final Map<String, ModelConfig> models = new HashMap<>();

    @ParameterizedTest
    @CsvSource(delimiter = '^', quoteCharacter = '`', value = {
        "max_batch_size: 8 ^ a I x O y ^ b I y O z ^ max_batch_size: 4 ^ ensemble e allows maximum batch size 8, but it contains model a which only allows maximum batch size to be 4",
        "`` ^ a Q x O y ^ b I y O z ^ `` ^ in ensemble e, ensemble tensor x is mapping to non-existing input Q in model a",
        "`` ^ a I x Q y ^ b I y O z ^ `` ^ in ensemble e, ensemble tensor y is mapped from non-existing output Q in model a",
        "`` ^ a I x O y ^ c I y O z ^ `` ^ ensemble e contains models that are not available or ambiguous: c",
        "`` ^ a I x O y ^ e I y O z ^ `` ^ circular dependency between ensembles: e -> ... -> e -> e",
        "`` ^ a I x O y ^ b I y O z ^ input { name: 'J' } ^ in ensemble e, input J in model a is not mapped to any ensemble tensors"})
    void checksTheModels(String ensemble, String first, String second, String extraOfA, String expected) {
        model("a", IO + extraOfA);
        model("b", IO);

        assertRefused(expected, ensemble(ensemble, first, second));
    }

    @Test
    void comparesTypesAndShapes() {
        model("a",
                "input { name: 'I' data_type: TYPE_FP32 dims: 4 } output { name: 'O' data_type: TYPE_INT8 dims: 4 }");
        model("b", IO);
        model("c",
                "input { name: 'I' data_type: TYPE_FP32 dims: 4 } output { name: 'O' data_type: TYPE_FP32 dims: 5 }");
        assertRefused("in ensemble e, ensemble tensor y: inconsistent data type: TYPE_INT8 is inferred from model a "
                + "while TYPE_FP32 is inferred from model b", ensemble("", "a I x O y", "b I y O z"));
        assertRefused("in ensemble e, ensemble tensor y: inconsistent shape: [5] is inferred from model c while [4] is "
                + "inferred from model b", ensemble("", "c I x O y", "b I y O z"));
    }

    @Test
    void acceptsModelsThatFit() {
        model("a", IO + "max_batch_size: 8");
        model("b", "input { name: 'I' data_type: TYPE_FP32 dims: [-1, -1] } input { name: 'J' optional: true } "
                + "output { name: 'O' data_type: TYPE_FP32 dims: [-1, 4] }");
        assertFalse(EnsembleValidator.check(ensemble("max_batch_size: 8", "a I x O y", "b I y O z"), this::find));
    }

    @Test
    void findsLongerCycles() {
        model("a", "platform: 'ensemble' ensemble_scheduling { step { model_name: 'b' } }");
        model("b", "platform: 'ensemble' ensemble_scheduling { step { model_name: 'a' } }");
        assertRefused("circular dependency between ensembles: b -> ... -> a -> b",
                ensemble("", "a I x O y", "b I y O z"));
    }

    @Test
    void inheritsDecoupling() {
        model("a", IO + "model_transaction_policy { decoupled: true }");
        model("b", IO);
        assertTrue(EnsembleValidator.check(ensemble("", "a I x O y", "b I y O z"), this::find));
    }

    @Test
    void refusesToJoinDecoupledModels() {
        model("a", IO + "model_transaction_policy { decoupled: true }");
        model("j", IO + "input { name: 'J' data_type: TYPE_FP32 dims: 4 }");
        ModelConfig config = ensemble("", "a I x O y", "a I x O w").toBuilder().build();
        ModelConfig.Builder joined = config.toBuilder();
        joined.getEnsembleSchedulingBuilder().addStepBuilder().setModelName("j").putInputMap("I", "y")
                .putInputMap("J", "w").putOutputMap("O", "z");
        assertRefused("in ensemble e, step of model 'j' receives inputs originated from different decoupled models",
                joined.build());
    }

    private void assertRefused(String expected, ModelConfig ensemble) {
        var failure = assertThrows(InferenceException.class, () -> EnsembleValidator.check(ensemble, this::find));
        assertEquals(expected, failure.getMessage());
    }

    private Optional<ModelConfig> find(String name) {
        return Optional.ofNullable(models.get(name));
    }

    private void model(String name, String text) {
        models.put(name, ConfigReader.parseText("name: '" + name + "' " + text));
    }

    /** Makes an ensemble of steps that are written as model, input, tensor, output, tensor. */
    private static ModelConfig ensemble(String extra, String... steps) {
        ModelConfig.Builder config = ConfigReader.parseText(FACE + extra).toBuilder();
        for (String step : steps) {
            String[] words = step.split(" ", -1);
            config.getEnsembleSchedulingBuilder().addStepBuilder().setModelName(words[0])
                    .putInputMap(words[1], words[2]).putOutputMap(words[3], words[4]);
        }
        return config.build();
    }
}

package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.json.JsonDocument;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ModelDescriptionTest {
    private static ModelDescription describe(String config) {
        String metadata = """
                {"name":"m","inputs":[{"name":"A","datatype":"BYTES","shape":[-1,3]},
                {"name":"B","datatype":"BF16","shape":[-1,-1]}]}""";
        return ModelDescription.of(new JsonDocument().parse(metadata.getBytes(StandardCharsets.UTF_8)),
                new JsonDocument().parse(config.getBytes(StandardCharsets.UTF_8)));
    }

    @Test
    void leavesTheBatchOutOfShapes() {
        ModelDescription model = describe("{\"max_batch_size\":8,\"input\":[{\"name\":\"B\",\"optional\":true}]}");

        assertEquals(
                new ModelDescription("m", 8, List.of(new TensorDescription("A", DataType.BYTES, List.of(3L), false),
                        new TensorDescription("B", DataType.BF16, List.of(-1L), true)), false, false),
                model);
    }

    @Test
    void takesShapesAsTheyAreWithoutBatching() {
        assertEquals(List.of(-1L, 3L), describe("{\"max_batch_size\":0}").inputs().getFirst().dims());
    }

    @Test
    void tellsHowTheModelIsAsked() {
        assertTrue(describe("{\"sequence_batching\":{}}").takesSequences());
        assertTrue(describe("{\"model_transaction_policy\":{\"decoupled\":true}}").isDecoupled());
        ModelDescription plain = describe("{\"model_transaction_policy\":{\"decoupled\":false}}");
        assertFalse(plain.isDecoupled() || plain.takesSequences());
    }
}

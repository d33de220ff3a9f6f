package dev.nereid.tools.perf;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

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
                        new TensorDescription("B", DataType.BF16, List.of(-1L), true))),
                model);
    }

    @Test
    void takesShapesAsTheyAreWithoutBatching() {
        assertEquals(List.of(-1L, 3L), describe("{\"max_batch_size\":0}").inputs().getFirst().dims());
    }

    @Test
    void refusesModelsThatCannotBeMeasured() {
        assertEquals("model 'm' takes sequences of requests, which can't be made yet",
                assertThrows(PerfException.class, () -> describe("{\"sequence_batching\":{}}")).getMessage());
        assertEquals("model 'm' is decoupled, which means that it can't be asked over HTTP one by one",
                assertThrows(PerfException.class,
                        () -> describe("{\"model_transaction_policy\":{\"decoupled\":true}}")).getMessage());
    }
}

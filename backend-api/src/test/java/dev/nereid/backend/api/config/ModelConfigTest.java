package dev.nereid.backend.api.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ModelConfigTest {
    private static final ModelInput INPUT = new ModelInput("INPUT0", DataType.FP32, Dims.of(-1, 4));
    private static final ModelOutput OUTPUT = new ModelOutput("OUTPUT0", DataType.BYTES, Dims.of(1));

    /** In which nothing has its default. */
    private static ModelConfig everything() {
        return ModelConfig.builder("m").platform("p").backend("b").runtime("r").versionPolicy(new VersionPolicy.All())
                .maxBatchSize(8).inputs(List.of(INPUT)).outputs(List.of(OUTPUT))
                .batchInputs(List.of(new BatchInput(BatchInput.Kind.ELEMENT_COUNT, List.of("N"),
                        Optional.of(DataType.INT32), List.of("INPUT0"))))
                .batchOutputs(List.of(new BatchOutput(List.of("OUTPUT0"), List.of("INPUT0"))))
                .optimization(new Optimization(1, Optimization.Priority.MAX, Optimization.Cuda.DEFAULT, List.of(),
                        List.of(), false, false, 1, true))
                .scheduling(new Scheduling.DynamicBatching(List.of(4), 100, true, 0, 0, QueuePolicy.DEFAULT, Map.of()))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2)))
                .defaultModelFilename("f").ccModelFilenames(Map.of("7.5", "g")).metricTags(Map.of("a", "b"))
                .parameters(Map.of("k", "v")).warmups(List.of(new Warmup("w", 1, Map.of(), 2)))
                .operationLibraries(List.of("lib.so")).isDecoupled(true)
                .repositoryAgents(List.of(new RepositoryAgent("agent", Map.of()))).isResponseCacheEnabled(true)
                .histogramBuckets(List.of(new HistogramBuckets("h", List.of(1.0)))).build();
    }

    @Test
    void aBuilderOfAConfigurationBuildsTheSame() {
        assertEquals(everything(), everything().toBuilder().build());
    }

    @Test
    void theSampleOfThisTestLeavesNothingAtItsDefault() throws ReflectiveOperationException {
        ModelConfig defaults = ModelConfig.builder("").build();
        for (RecordComponent component : ModelConfig.class.getRecordComponents()) {
            assertNotEquals(component.getAccessor().invoke(defaults), component.getAccessor().invoke(everything()),
                    component.getName());
        }
    }

    @Test
    void hasTheProtocolsDefaults() {
        ModelConfig config = ModelConfig.builder("m").build();

        assertEquals(new VersionPolicy.Latest(1), config.versionPolicy());
        assertEquals(new Scheduling.Direct(), config.scheduling());
        assertFalse(config.isBatching());
    }

    @Test
    void isNotChangedThroughItsLists() {
        List<ModelInput> inputs = new ArrayList<>(List.of(INPUT));
        ModelConfig config = ModelConfig.builder("m").inputs(inputs).build();
        inputs.clear();

        assertEquals(List.of(INPUT), config.inputs());
        assertThrows(UnsupportedOperationException.class, () -> config.inputs().clear());
    }

    @Test
    void findsTensorsByName() {
        assertEquals(Optional.of(INPUT), everything().input("INPUT0"));
        assertEquals(Optional.of(OUTPUT), everything().output("OUTPUT0"));
        assertEquals(Optional.empty(), everything().input("OUTPUT0"));
        assertTrue(everything().isBatching());
    }

    @Test
    void backendsGetTheReshapedDims() {
        assertEquals(Dims.of(-1, 4), INPUT.backendDims());
        assertEquals(Dims.of(), new ModelInput("X", Optional.of(DataType.FP32), ModelInput.Format.NONE, Dims.of(1),
                Optional.of(Dims.of()), false, false, false, false).backendDims());
        assertEquals(Dims.of(2), new ModelOutput("X", Optional.of(DataType.FP32), Dims.of(1), Optional.of(Dims.of(2)),
                "", false, false).backendDims());
    }

    @Test
    void readsNumbersFromParameters() {
        ModelConfig config = ModelConfig.builder("m").parameters(Map.of("factor", "1.5", "bad", "x", "big", "1e999"))
                .build();

        assertEquals(1.5, config.numberParameter("factor", 2));
        assertEquals(2, config.numberParameter("other", 2));
        assertEquals("parameter 'bad' is 'x', expected a number",
                assertThrows(InferenceException.class, () -> config.numberParameter("bad", 2)).getMessage());
        assertThrows(InferenceException.class, () -> config.numberParameter("big", 2));
    }

    @Test
    void dimsMatchShapes() {
        Dims dims = Dims.of(Dims.ANY, 4);

        assertTrue(dims.matches(Shape.of(9, 4), 0));
        assertTrue(dims.matches(Shape.of(2, 9, 4), 1));
        assertFalse(dims.matches(Shape.of(9, 5), 0));
        assertFalse(dims.matches(Shape.of(4), 0));
        assertFalse(dims.matches(Shape.of(4), 1));
        assertFalse(dims.isFixed());
        assertTrue(Dims.of().matches(Shape.of(), 0));
        assertTrue(Dims.of().isFixed());
        assertEquals("[8,-1,4]", dims.prepend(8).toString());
        assertEquals(Dims.of(List.of(-1L, 4L)), dims);
    }
}

package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.Map;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What loading makes of a file that is to be rewritten. */
final class TorchModuleTest extends TorchTest {
    private static final String CONVOLUTION = """
            def forward(self, x):
              return torch.relu(torch.conv2d(x, self.weight.reshape([2, 1, 1, 1])))
            """;

    private String graph(Map<String, String> parameters) {
        try (TorchModule module = TorchModule.load("model", directory.resolve("model/1/model.pt"),
                new TorchDevice.Cpu(), new FakeGpus(), TorchParameters.parse(parameters))) {
            return module.graph();
        }
    }

    private float[] answer(Map<String, String> parameters) {
        Dims image = Dims.of(1, 1, 2, 2);
        ModelConfig config = TestScripts.config("model").inputs(TestScripts.inputs(DataType.FP32, image, "x"))
                .outputs(TestScripts.outputs(DataType.FP32, Dims.of(1, 2, 2, 2), "OUTPUT__0"))
                .parameters(parameters).build();
        try (TestModel model = loadFile(config)) {
            return model.infer(TestRequest.of().fp32("x", Shape.of(1, 1, 2, 2), 0.1f, -2f, 3.3f, 4f))
                    .output("OUTPUT__0").floats();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ENABLE_FREEZING", "ENABLE_OPTIMIZE_FOR_INFERENCE"})
    void freezingMakesWeightsConstants(String key) {
        TestScripts.write(directory.resolve("model"), CONVOLUTION);

        assertTrue(graph(Map.of()).contains("prim::GetAttr[name=\"weight\"]"));
        assertFalse(graph(Map.of(key, "true")).contains("prim::GetAttr"));
    }

    @Test
    void optimizingReplacesOperators() {
        assumeTrue(torch.hasMKLDNN(), "this libtorch has no other operators");
        TestScripts.write(directory.resolve("model"), CONVOLUTION);

        String frozen = graph(Map.of("ENABLE_FREEZING", "true"));
        String optimized = graph(Map.of("ENABLE_OPTIMIZE_FOR_INFERENCE", "true"));

        assertTrue(frozen.contains("aten::conv2d"), frozen);
        assertTrue(optimized.contains("prim::mkldnn_convolution"), optimized);
    }

    @ParameterizedTest
    @ValueSource(strings = {"ENABLE_FREEZING", "ENABLE_OPTIMIZE_FOR_INFERENCE"})
    void whatIsRewrittenAnswersTheSame(String key) {
        TestScripts.write(directory.resolve("model"), CONVOLUTION);

        float[] expected = {0.2f, 0f, 6.6f, 8f, 0.2f, 0f, 6.6f, 8f};
        assertArrayEquals(expected, answer(Map.of()), 1e-5f);
        assertArrayEquals(expected, answer(Map.of(key, "true")), 1e-5f);
    }
}

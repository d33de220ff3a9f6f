package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.testkit.TestModel;
import dev.nereid.backend.api.testkit.TestRequest;
import java.util.List;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.QualifiedName;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
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

    private TorchModule withKernel(String source, Map<String, String> parameters) {
        try (PointerScope _ = new PointerScope()) {
            JitModule module = new JitModule(new QualifiedName("__torch__.Kernel"));
            module.register_parameter("kernel", torch.arange(new Scalar(54)).reshape(2, 3, 3, 3).to(ScalarType.Float),
                    false);
            module.define(source);
            module.save(directory.resolve("kernel.pt").toString());
        }
        return TorchModule.load("model", directory.resolve("kernel.pt"), new TorchDevice.Cpu(), new FakeGpus(),
                TorchParameters.parse(parameters));
    }

    @Test
    void convolutionsAnswerWithTheChannelsLastWhereTheirWeightsLieSo() {
        String source = "def forward(self, x):\n  return torch.conv2d(x, self.kernel)\n";
        try (PointerScope _ = new PointerScope();
                TorchModule plain = withKernel(source, Map.of());
                TorchModule channelsLast = withKernel(source, Map.of("ENABLE_CHANNELS_LAST", "true"))) {
            Tensor x = torch.ones(1, 3, 8, 8).to(ScalarType.Float);
            Tensor expected = plain.forward(new IValueVector(new IValue(x))).toTensor();
            Tensor actual = channelsLast.forward(new IValueVector(new IValue(x))).toTensor();

            assertEquals(1, expected.stride(3));
            assertEquals(1, actual.stride(1));
            assertTrue(torch.allclose(expected, actual));
        }
    }

    @Test
    void computesInBf16WhatComesAndGoesAsFp32() {
        String source = "def forward(self, x):\n  y = torch.conv2d(x, self.kernel)\n  return (y, x.size(0) + torch.zeros([1], dtype=4))\n";
        try (PointerScope _ = new PointerScope();
                TorchModule plain = withKernel(source, Map.of());
                TorchModule bf16 = withKernel(source, Map.of("ENABLE_BF16", "true"))) {
            Tensor x = torch.full(new long[]{1, 3, 4, 4}, new Scalar(1.001)).to(ScalarType.Float);
            Tensor expected = plain.run(new IValueVector(new IValue(x))).getFirst().toTensor();
            List<IValue> results = bf16.run(new IValueVector(new IValue(x)));
            Tensor actual = results.getFirst().toTensor();

            assertEquals(ScalarType.Float.value, actual.scalar_type().value);
            assertFalse(torch.allclose(expected, actual, 1e-5, 0, false), "it is rounded");
            assertTrue(torch.allclose(expected, actual, 0.01, 0, false));
            assertEquals(ScalarType.Long.value, results.getLast().toTensor().scalar_type().value, "no number of FP32");
        }
    }

    @Test
    void bf16IsForTensors() {
        InferenceException failure = assertThrows(InferenceException.class, () -> withKernel(
                "def forward(self, x: Dict[str, Tensor]):\n  return x['a']\n", Map.of("ENABLE_BF16", "true")).close());

        assertTrue(failure.getMessage().contains("its argument 'x' is Dict[str, Tensor]"), failure.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"true, true", "true, false", "false, true", "false, false"})
    void weightsInBf16TakeHalf(boolean inferenceMode, boolean freezing) {
        String source = "def forward(self, x):\n  return torch.conv2d(x, self.kernel)\n";
        try (TorchModule module = withKernel(source, Map.of("ENABLE_BF16", "true", "INFERENCE_MODE",
                Boolean.toString(inferenceMode), "ENABLE_FREEZING", Boolean.toString(freezing)))) {
            assertEquals(2 * 54, module.memoryUsage().getFirst().byteSize());
        }
    }

    @Test
    void knowsWhetherThereIsAnythingToLayOut() {
        TestScripts.write(directory.resolve("model"), CONVOLUTION);
        try (TorchModule without = TorchModule.load("model", directory.resolve("model/1/model.pt"),
                new TorchDevice.Cpu(), new FakeGpus(), TorchParameters.parse(Map.of()));
                TorchModule with = withKernel("def forward(self, x):\n  return x\n", Map.of())) {
            assertFalse(without.hasChannels());
            assertTrue(with.hasChannels());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            torch.conv2d(x, self.kernel).view([-1])                                            | false
            torch.relu(x) if bool(x.sum() > 0) else x                                          | false
            x.view([-1]) if bool(x.sum() > 0) else x                                           | true
            torch.as_strided(x, [1], [1]) if bool(x.sum() > 0) else x                          | true
            """)
    void aViewInABranchMayBeNoViewOfAnotherLayout(String expression, boolean expected) {
        try (TorchModule module = withKernel("def forward(self, x):\n  return " + expression + "\n",
                Map.of("ENABLE_FREEZING", "true"))) {
            assertEquals(expected, module.mayLookAtLayout(), module::graph);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"ENABLE_FREEZING", "ENABLE_OPTIMIZE_FOR_INFERENCE", "ENABLE_CHANNELS_LAST"})
    void whatIsRewrittenAnswersTheSame(String key) {
        TestScripts.write(directory.resolve("model"), CONVOLUTION);

        float[] expected = {0.2f, 0f, 6.6f, 8f, 0.2f, 0f, 6.6f, 8f};
        assertArrayEquals(expected, answer(Map.of()), 1e-5f);
        assertArrayEquals(expected, answer(Map.of(key, "true")), 1e-5f);
    }
}

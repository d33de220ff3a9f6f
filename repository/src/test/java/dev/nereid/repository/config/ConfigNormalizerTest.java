package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigNormalizerTest {
    private static final Devices GPUS = new Devices(true,
            List.of(new Devices.Gpu(0, new Devices.ComputeCapability(8, 6)),
                    new Devices.Gpu(1, new Devices.ComputeCapability(5, 0)),
                    new Devices.Gpu(2, new Devices.ComputeCapability(10, 0))),
            new Devices.ComputeCapability(6, 0));

    @TempDir
    private Path directory = Path.of("");

    @ParameterizedTest
    @CsvSource(quoteCharacter = '`', nullValues = "-", value = {
        // given platform, backend, file; found file; expected platform, backend, file
        "``,pytorch,``,``,pytorch_libtorch,pytorch,model.pt", "``,pytorch,x.pt,``,pytorch_libtorch,pytorch,x.pt",
        "pytorch_libtorch,``,``,``,pytorch_libtorch,pytorch,``",
        "pytorch_libtorch,pytorch,``,``,pytorch_libtorch,pytorch,``",
        "libtorch,``,``,``,pytorch_libtorch,pytorch,``", "libtorch,pytorch,``,``,pytorch_libtorch,pytorch,``",
        "libtorch,custom,``,``,libtorch,custom,``", "torch_aoti,``,``,``,torch_aoti,pytorch,model.pt2",
        "``,``,model.pt,``,pytorch_libtorch,pytorch,model.pt", "``,``,model.pt2,``,torch_aoti,pytorch,model.pt2",
        "``,``,``,model.pt,pytorch_libtorch,pytorch,model.pt", "``,``,``,model.pt2,torch_aoti,pytorch,model.pt2",
        "``,``,``,model.plan,tensorrt_plan,tensorrt,model.plan",
        "``,``,``,model.onnx,onnxruntime_onnx,onnxruntime,model.onnx", "``,``,``,model.xml,``,openvino,model.xml",
        "``,``,``,model.py,``,python,model.py",
        "``,``,``,model.savedmodel,tensorflow_savedmodel,tensorflow,model.savedmodel",
        "tensorrt_plan,``,``,``,tensorrt_plan,tensorrt,model.plan",
        "``,tensorrt,``,``,tensorrt_plan,tensorrt,model.plan",
        "``,onnxruntime,``,``,onnxruntime_onnx,onnxruntime,model.onnx",
        "onnxruntime_onnx,``,x.onnx,``,onnxruntime_onnx,onnxruntime,x.onnx", "``,python,``,``,``,python,model.py",
        "``,openvino,``,``,``,openvino,model.xml", "``,custom,``,model.pt,``,custom,``",
        "unknown,``,``,model.pt,unknown,``,``", "ensemble,``,``,model.pt,ensemble,``,``"})
    void fillsInTheBackend(String platform, String backend, String file, String found, String expectedPlatform,
            String expectedBackend, String expectedFile) throws IOException {
        Path version = Files.createDirectories(directory.resolve("1"));
        if (!found.isEmpty()) {
            Files.writeString(version.resolve(found), "");
        }
        ModelConfig given = ModelConfig.newBuilder().setPlatform(platform).setBackend(backend)
                .setDefaultModelFilename(file).build();

        ModelConfig filled = ConfigNormalizer.fillBackend(given, directory, "m");

        assertEquals(List.of(expectedPlatform, expectedBackend, expectedFile),
                List.of(filled.getPlatform(), filled.getBackend(), filled.getDefaultModelFilename()));
    }

    @Test
    void looksIntoTheFirstDirectoryOnly() throws IOException {
        Files.createDirectories(directory.resolve("10"));
        Path second = Files.createDirectories(directory.resolve("2"));
        Files.writeString(second.resolve("model.pt"), "");

        assertThrows(InferenceException.class, () -> ConfigNormalizer.fillBackend(ModelConfig.getDefaultInstance(),
                directory, "m"));
    }

    @ParameterizedTest
    @ValueSource(strings = {".ipynb_checkpoints", "..data", ".cache", "0_old", "01", "-1", "+0"})
    void looksIntoVersionsOnly(String other) throws IOException {
        // given
        Files.createDirectories(directory.resolve(other));
        Files.writeString(Files.createDirectories(directory.resolve("1")).resolve("model.onnx"), "");

        // when
        ModelConfig filled = ConfigNormalizer.fillBackend(ModelConfig.getDefaultInstance(), directory, "m");

        // then
        assertEquals("onnxruntime", filled.getBackend());
    }

    @Test
    void takesTheBackendFromTheName() {
        ModelConfig filled = ConfigNormalizer.fillBackend(ModelConfig.getDefaultInstance(), directory, "a.b.c");
        assertEquals("b.c", filled.getBackend());
        assertEquals("model.b.c", filled.getDefaultModelFilename());
    }

    @ParameterizedTest
    @CsvSource({"m", "m."})
    void refusesAModelWithoutAnyBackend(String name) {
        var failure = assertThrows(InferenceException.class,
                () -> ConfigNormalizer.fillBackend(ModelConfig.getDefaultInstance(), directory.resolve("none"), name));
        assertEquals("Invalid model name: Could not determine backend for model '" + name
                + "' with no backend in model configuration. Expected model name of the form "
                + "'model.<backend_name>'.", failure.getMessage());
    }

    @Test
    void fillsInDefaultsOnce() {
        ModelConfig config = ConfigReader
                .parseText("max_batch_size: 8 sequence_batching { oldest { } } optimization { "
                        + "output_pinned_memory { enable: false } }");
        ModelConfig filled = ConfigNormalizer.fillDefaults(config, "m");
        assertEquals("m", filled.getName());
        assertEquals(1, filled.getVersionPolicy().getLatest().getNumVersions());
        assertEquals(1_000_000, filled.getSequenceBatching().getMaxSequenceIdleMicroseconds());
        assertEquals(List.of(8), filled.getSequenceBatching().getOldest().getPreferredBatchSizeList());
        assertTrue(filled.getOptimization().getInputPinnedMemory().getEnable());
        assertFalse(filled.getOptimization().getOutputPinnedMemory().getEnable());
        assertEquals(filled, ConfigNormalizer.fillDefaults(filled, "m"));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1, 1", "2147483647, 1"})
    void prefersTheLargestBatch(int maxBatchSize, int expectedSizes) {
        ModelConfig config = ConfigReader.parseText("dynamic_batching { } max_batch_size: " + maxBatchSize);
        ModelConfig filled = ConfigNormalizer.fillDefaults(config, "m");
        assertEquals(expectedSizes, filled.getDynamicBatching().getPreferredBatchSizeCount());
    }

    @Test
    void givesAModelOneInstance() {
        assertEquals(group("m", ModelInstanceGroup.Kind.KIND_CPU, 1), fill("", Devices.NONE, List.of()).get(0));
        assertEquals(group("m", ModelInstanceGroup.Kind.KIND_GPU, 1, 0, 2), fill("", GPUS, List.of()).get(0));
    }

    @Test
    void namesGroupsByTheirPosition() {
        List<ModelInstanceGroup> groups = fill("instance_group [ { count: 0 }, { name: 'x' count: -1 }, { count: 3 } ]",
                Devices.NONE, List.of());
        assertEquals(List.of(group("m_0", ModelInstanceGroup.Kind.KIND_CPU, 1),
                group("x", ModelInstanceGroup.Kind.KIND_CPU, 1), group("m_2", ModelInstanceGroup.Kind.KIND_CPU, 3)),
                groups);
    }

    @Test
    void resolvesAutoByTheListedGpus() {
        assertEquals(group("m_0", ModelInstanceGroup.Kind.KIND_GPU, 1, 2),
                fill("instance_group { gpus: 2 }", GPUS, List.of()).get(0));
        assertEquals(group("m_0", ModelInstanceGroup.Kind.KIND_CPU, 1, 0, 1),
                fill("instance_group { gpus: [0, 1] }", GPUS, List.of()).get(0));
    }

    @Test
    void usesTheFirstUsablePreferredGroup() {
        List<InstanceGroup> preferred = List.of(new InstanceGroup("", InstanceGroup.Kind.GPU, 4),
                new InstanceGroup("", InstanceGroup.Kind.CPU, 2));
        assertEquals(group("m", ModelInstanceGroup.Kind.KIND_CPU, 2), fill("", Devices.NONE, preferred).get(0));
        assertEquals(group("m", ModelInstanceGroup.Kind.KIND_GPU, 4, 0, 2), fill("", GPUS, preferred).get(0));
        assertEquals(group("m_0", ModelInstanceGroup.Kind.KIND_CPU, 2),
                fill("instance_group { kind: KIND_CPU }", GPUS, preferred).get(0));
    }

    @Test
    void startsTwoInstancesOfSomeBackends() {
        assertEquals(2, fill("backend: 'onnxruntime'", Devices.NONE, List.of()).get(0).getCount());
        assertEquals(1, fill("backend: 'onnxruntime'", GPUS, List.of()).get(0).getCount());
    }

    @Test
    void givesEnsemblesNoInstances() {
        assertEquals(List.of(), fill("platform: 'ensemble'", Devices.NONE, List.of()));
    }

    private static List<ModelInstanceGroup> fill(String text, Devices devices, List<InstanceGroup> preferred) {
        return ConfigNormalizer.fillInstanceGroups(ConfigReader.parseText("name: 'm' " + text), devices,
                BackendAttributes.DEFAULT.withPreferredInstanceGroups(preferred)).getInstanceGroupList();
    }

    private static ModelInstanceGroup group(String name, ModelInstanceGroup.Kind kind, int count, Integer... gpus) {
        return ModelInstanceGroup.newBuilder().setName(name).setKind(kind).setCount(count).addAllGpus(List.of(gpus))
                .build();
    }
}

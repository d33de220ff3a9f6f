package dev.nereid.benchmark;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Backend;
import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.Model;
import dev.nereid.backend.api.ModelContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.backend.pytorch.PyTorchBackendFactory;
import dev.nereid.tools.samples.SampleModels;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;

/** The PyTorch backend and sample models for benchmarks, driven through the lifecycle API as an engine would. */
public final class TorchBench {
    private final Backend backend;
    private final Path directory;

    private TorchBench(Backend backend, Path directory) {
        this.backend = backend;
        this.directory = directory;
    }

    /** A model, what goes into it and what comes out. */
    public record Workload(String name, Consumer<Path> writer, DataType dataType, int batch, Dims input, Dims output) {
        Shape shape() {
            return Shape.of(input.prepend(batch).toArray());
        }

        long byteSize() {
            return Tensor.byteSize(name, dataType, shape());
        }
    }

    static final List<Workload> WORKLOADS = List.of(
            new Workload("identity-1", SampleModels::identity, DataType.FP32, 1, Dims.of(16), Dims.of(16)),
            new Workload("mlp-1", SampleModels::mlp, DataType.FP32, 1, Dims.of(128), Dims.of(64)),
            new Workload("mlp-32", SampleModels::mlp, DataType.FP32, 32, Dims.of(128), Dims.of(64)),
            new Workload("unet8-1", file -> SampleModels.unet(file, 8), DataType.FP32, 1, Dims.of(3, 360, 640),
                    Dims.of(3, 360, 640)),
            new Workload("transformer-1", SampleModels::transformer, DataType.INT64, 1, Dims.of(128),
                    Dims.of(128, 384)),
            new Workload("resnet50-1", SampleModels::resNet50, DataType.FP32, 1, Dims.of(3, 224, 224), Dims.of(1000)),
            new Workload("resnet50-8", SampleModels::resNet50, DataType.FP32, 8, Dims.of(3, 224, 224),
                    Dims.of(1000)));

    private record Context(String name, Path directory, ApiVersion serverApi,
            Map<String, String> settings) implements BackendContext {
    }

    private record LoadContext(String name, long version, Path modelDirectory, Path versionDirectory,
            ModelConfig config, boolean autoComplete) implements ModelContext {
    }

    private record OneInstance(String name, InstanceGroup.Kind kind, int deviceId, InstanceGroup group,
            ModelConfig config) implements InstanceContext {
    }

    /** Starts the backend with settings as {@code key=value,key=value}, or {@code -} for none. */
    public static TorchBench start(String settings) throws IOException {
        Path directory = Files.createTempDirectory("nereid-benchmark");
        Map<String, String> parsed = new TreeMap<>();
        if (!settings.equals("-")) {
            for (String setting : settings.split(",", -1)) {
                String[] parts = setting.split("=", 2);
                parsed.put(parts[0], parts[1]);
            }
        }
        return new TorchBench(new PyTorchBackendFactory().create(new Context("pytorch", directory,
                new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR), parsed)), directory);
    }

    /** Returns the workloads of those names, all without any. */
    public static List<Workload> chosen(List<String> names) {
        return WORKLOADS.stream().filter(workload -> names.isEmpty() || names.contains(workload.name())).toList();
    }

    /** Writes the model's file and returns the version directory that holds it. */
    Path write(Workload workload) throws IOException {
        Path version = directory.resolve(workload.name()).resolve("1");
        if (!Files.exists(version)) {
            Files.createDirectories(version);
            workload.writer().accept(version.resolve("model.pt"));
        }
        return version;
    }

    private static ModelConfig config(Workload workload, Map<String, String> parameters) {
        return ModelConfig.builder(workload.name()).backend("pytorch").platform("pytorch_libtorch").maxBatchSize(8192)
                .inputs(List.of(new ModelInput("INPUT__0", workload.dataType(), workload.input())))
                .outputs(List.of(new ModelOutput("OUTPUT__0", DataType.FP32, workload.output())))
                .parameters(parameters).build();
    }

    /** Loads a model with those parameters. */
    public Model load(Workload workload, Map<String, String> parameters) throws IOException {
        Path version = write(workload);
        return backend.createModel(new LoadContext(workload.name(), 1, version.resolve(".."), version,
                config(workload, parameters), false));
    }

    /** Returns an instance on the CPU. */
    public static ModelInstance instance(Model model, Workload workload, int index) {
        InstanceGroup group = new InstanceGroup("g", InstanceGroup.Kind.CPU, 1);
        return model.createInstance(new OneInstance("g_" + index, InstanceGroup.Kind.CPU, 0, group,
                config(workload, Map.of())));
    }

    /** Returns a request of zeros with a batch of its own. */
    public static LoopRequest request(Workload workload, int batch, Arena arena) {
        Shape shape = Shape.of(workload.input().prepend(batch).toArray());
        long bytes = Tensor.byteSize(workload.name(), workload.dataType(), shape);
        return new LoopRequest(new Tensor("INPUT__0", workload.dataType(), shape, arena.allocate(bytes, 64)), batch,
                arena);
    }

    /** Executes a request and makes it new again. */
    public static void execute(ModelInstance instance, LoopRequest request) {
        instance.execute(request);
        request.reset();
    }

    /** Returns the microseconds of one action, measured for that many seconds. */
    static double measure(Runnable action, double seconds) {
        long begin = System.nanoTime();
        long end = begin + (long) (seconds * 1e9);
        long count = 0;
        do {
            action.run();
            count++;
        } while (System.nanoTime() < end);
        return (System.nanoTime() - begin) / 1e3 / count;
    }

    /** Returns the executions a second of several instances at once, each on a thread of its own. */
    double rate(Workload workload, int instances, Map<String, String> parameters, double seconds)
            throws IOException, InterruptedException {
        try (Model model = load(workload, parameters)) {
            CountDownLatch ready = new CountDownLatch(instances);
            double[] rates = new double[instances];
            List<Thread> threads = new java.util.ArrayList<>();
            for (int i = 0; i < instances; i++) {
                int index = i;
                threads.add(Thread.ofPlatform().start(() -> {
                    try (Arena arena = Arena.ofConfined();
                            ModelInstance instance = instance(model, workload, index)) {
                        LoopRequest request = request(workload, workload.batch(), arena);
                        ready.countDown();
                        ready.await();
                        measure(() -> execute(instance, request), seconds / 4);
                        rates[index] = 1e6 / measure(() -> execute(instance, request), seconds);
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                }));
            }
            for (Thread thread : threads) {
                thread.join();
            }
            return Arrays.stream(rates).sum();
        }
    }
}

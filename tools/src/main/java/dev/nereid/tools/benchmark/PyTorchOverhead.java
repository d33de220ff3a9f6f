package dev.nereid.tools.benchmark;

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
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Compares the execution of an instance, through the lifecycle API, with a bare loop over the same bindings, and one
 * instance with all threads with several instances that share them. Both run in turns, so that a busy machine disturbs
 * them alike, and the best turn counts. Arguments: the seconds for each measurement, the backend's settings
 * ({@code cpu-cores=2,blas-threads=1}, or {@code -} for none), and the cases to run (all without any).
 */
public final class PyTorchOverhead {
    private static final int TURNS = 40;

    private PyTorchOverhead() {
    }

    private record Case(String name, Consumer<Path> writer, DataType dataType, int batch, Dims input, Dims output) {
        Shape shape() {
            return Shape.of(input.prepend(batch).toArray());
        }

        long byteSize() {
            return Tensor.byteSize(name, dataType, shape());
        }

        torch.ScalarType scalarType() {
            return dataType == DataType.INT64 ? torch.ScalarType.Long : torch.ScalarType.Float;
        }
    }

    private static final List<Case> CASES = List.of(
            new Case("identity-1", SampleModels::identity, DataType.FP32, 1, Dims.of(16), Dims.of(16)),
            new Case("mlp-1", SampleModels::mlp, DataType.FP32, 1, Dims.of(128), Dims.of(64)),
            new Case("mlp-32", SampleModels::mlp, DataType.FP32, 32, Dims.of(128), Dims.of(64)),
            new Case("unet8-1", file -> SampleModels.unet(file, 8), DataType.FP32, 1, Dims.of(3, 360, 640),
                    Dims.of(3, 360, 640)),
            new Case("transformer-1", SampleModels::transformer, DataType.INT64, 1, Dims.of(128), Dims.of(128, 384)),
            new Case("resnet50-1", SampleModels::resNet50, DataType.FP32, 1, Dims.of(3, 224, 224), Dims.of(1000)),
            new Case("resnet50-8", SampleModels::resNet50, DataType.FP32, 8, Dims.of(3, 224, 224), Dims.of(1000)));

    private record Context(String name, Path directory, ApiVersion serverApi,
            Map<String, String> settings) implements BackendContext {
    }

    private record LoadContext(String name, long version, Path modelDirectory, Path versionDirectory,
            ModelConfig config, boolean autoComplete) implements ModelContext {
    }

    private record OneInstance(String name, InstanceGroup.Kind kind, int deviceId, InstanceGroup group,
            ModelConfig config) implements InstanceContext {
    }

    /** Runs the benchmark. */
    public static void main(String[] arguments) throws IOException, InterruptedException {
        double seconds = arguments.length > 0 ? Double.parseDouble(arguments[0]) : 5;
        Map<String, String> settings = settings(arguments.length > 1 ? arguments[1] : "-");
        List<String> chosen = Arrays.asList(arguments).subList(Math.min(2, arguments.length), arguments.length);
        Path directory = Files.createTempDirectory("nereid-benchmark");
        Backend backend = new PyTorchBackendFactory()
                .create(new Context("pytorch", directory, new ApiVersion(ApiVersion.MAJOR, ApiVersion.MINOR),
                        settings));
        for (Case sample : CASES) {
            if (chosen.isEmpty() || chosen.contains(sample.name())) {
                Path version = Files.createDirectories(directory.resolve(sample.name()).resolve("1"));
                sample.writer().accept(version.resolve("model.pt"));
                compareWithBareLoop(backend, sample, version, seconds);
                compareInstances(backend, sample, version, seconds);
            }
        }
    }

    private static Map<String, String> settings(String text) {
        Map<String, String> settings = new TreeMap<>();
        if (!text.equals("-")) {
            for (String setting : text.split(",", -1)) {
                String[] parts = setting.split("=", 2);
                settings.put(parts[0], parts[1]);
            }
        }
        return settings;
    }

    private static ModelConfig config(Case sample) {
        return ModelConfig.builder(sample.name()).backend("pytorch").platform("pytorch_libtorch").maxBatchSize(8192)
                .inputs(List.of(new ModelInput("INPUT__0", sample.dataType(), sample.input())))
                .outputs(List.of(new ModelOutput("OUTPUT__0", DataType.FP32, sample.output()))).build();
    }

    private static Model load(Backend backend, Case sample, Path version) {
        return backend.createModel(
                new LoadContext(sample.name(), 1, version.resolve(".."), version, config(sample), false));
    }

    private static ModelInstance instance(Model model, Case sample, int index) {
        InstanceGroup group = new InstanceGroup("g", InstanceGroup.Kind.CPU, 1);
        return model.createInstance(
                new OneInstance("g_" + index, InstanceGroup.Kind.CPU, 0, group, config(sample)));
    }

    private static LoopRequest request(Case sample, Arena arena) {
        MemorySegment data = arena.allocate(sample.byteSize(), 64);
        return new LoopRequest(new Tensor("INPUT__0", sample.dataType(), sample.shape(), data), sample.batch(), arena);
    }

    private static void compareWithBareLoop(Backend backend, Case sample, Path version, double seconds) {
        try (Arena arena = Arena.ofConfined();
                Model model = load(backend, sample, version);
                ModelInstance instance = instance(model, sample, 0);
                JitModule module = torch.load(version.resolve("model.pt").toString())) {
            module.eval();
            LoopRequest request = request(sample, arena);
            Runnable served = () -> {
                instance.execute(request);
                request.reset();
            };
            served.run();
            BytePointer memory = new BytePointer(sample.byteSize()).zero();
            TensorOptions options = new TensorOptions(sample.scalarType());
            long[] shape = sample.shape().toArray();
            Runnable bare = () -> forward(module, memory, shape, options);
            measure(bare, seconds / 4);
            measure(served, seconds / 4);
            double bareMicros = Double.MAX_VALUE;
            double servedMicros = Double.MAX_VALUE;
            for (int turn = 0; turn < TURNS; turn++) {
                bareMicros = Math.min(bareMicros, measure(bare, seconds / TURNS / 2));
                servedMicros = Math.min(servedMicros, measure(served, seconds / TURNS / 2));
            }
            memory.close();
            options.close();
            System.out.printf(Locale.ROOT, "%-14s bare %10.1f us  instance %10.1f us  overhead %8.1f us (%.2f %%)%n",
                    sample.name(), bareMicros,
                    servedMicros, servedMicros - bareMicros, 100 * (servedMicros / bareMicros - 1));
        }
    }

    /** What a program of its own would do: wrap memory, run, look at the result. */
    private static void forward(JitModule module, BytePointer memory, long[] shape, TensorOptions options) {
        try (PointerScope _ = new PointerScope(); InferenceMode _ = new InferenceMode(true)) {
            var input = torch.from_blob(memory, shape, options);
            module.forward(new IValueVector(new IValue(input))).toTensor().data_ptr();
        }
    }

    private static double measure(Runnable action, double seconds) {
        long begin = System.nanoTime();
        long end = begin + (long) (seconds * 1e9);
        long count = 0;
        do {
            action.run();
            count++;
        } while (System.nanoTime() < end);
        return (System.nanoTime() - begin) / 1e3 / count;
    }

    private static void compareInstances(Backend backend, Case sample, Path version, double seconds)
            throws InterruptedException {
        int cores = Runtime.getRuntime().availableProcessors();
        List<String> rates = new ArrayList<>();
        for (int instances = 1; instances <= cores; instances *= 2) {
            rates.add(String.format(Locale.ROOT, "%d: %.1f", instances,
                    rate(backend, sample, version, instances, seconds / 2)));
        }
        System.out.printf(Locale.ROOT, "%-14s executions a second by instances %s%n", sample.name(), rates);
    }

    private static double rate(Backend backend, Case sample, Path version, int instances, double seconds)
            throws InterruptedException {
        try (Model model = load(backend, sample, version)) {
            CountDownLatch ready = new CountDownLatch(instances);
            double[] rates = new double[instances];
            List<Thread> threads = new ArrayList<>();
            for (int i = 0; i < instances; i++) {
                int index = i;
                threads.add(Thread.ofPlatform().start(() -> {
                    try (Arena arena = Arena.ofConfined(); ModelInstance instance = instance(model, sample, index)) {
                        LoopRequest request = request(sample, arena);
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

    private static void execute(ModelInstance instance, LoopRequest request) {
        instance.execute(request);
        request.reset();
    }
}

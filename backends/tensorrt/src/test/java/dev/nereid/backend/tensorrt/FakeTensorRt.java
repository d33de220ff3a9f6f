package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.Optimization;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.tensorrt.EngineLayout.IoTensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * TensorRT in plain Java: the GPU's memory is the host's, streams do their work at once, and an engine computes what a
 * test gives it. Every object that it creates is counted until it is closed, and closing twice, or an engine before its
 * contexts, fails.
 */
final class FakeTensorRt implements TensorRt {
    /** What an engine does with its inputs; returns the bytes of each output. */
    @FunctionalInterface
    interface Computation {
        void run(Call call);
    }

    /** One execution of an engine. */
    interface Call {
        Shape shape(String input);

        MemorySegment input(String name);

        /** Writes an output, whose shape the context knows or is told here. */
        void write(String output, Shape shape, MemorySegment content);
    }

    final AtomicLong alive = new AtomicLong();
    final List<String> story = java.util.Collections.synchronizedList(new ArrayList<>());
    final Map<Integer, GpuDevice> devices = new HashMap<>(Map.of(0, new GpuDevice(0, "Fake GPU", 8, 9)));
    private final Map<Long, MemorySegment> memory = new ConcurrentHashMap<>();
    private final EngineLayout layout;
    private final Computation computation;
    private final Map<String, Dims> outputShapes = new HashMap<>();
    long freeBytes = Long.MAX_VALUE;
    int accelerators;
    int failingCreations = -1;
    boolean failsExecution;
    long weightBudget = -1;

    FakeTensorRt(EngineLayout layout, Computation computation) {
        this.layout = layout;
        this.computation = computation;
    }

    private <T> T created(T object, String what) {
        if (failingCreations == 0) {
            throw InferenceException.internal(what + " is refused by the test");
        }
        failingCreations--;
        alive.incrementAndGet();
        return object;
    }

    /** Counts that one thing was closed, once. */
    private abstract class Counted {
        private boolean isClosed;

        void closeOnce() {
            if (isClosed) {
                throw new IllegalStateException(this + " is closed twice");
            }
            isClosed = true;
            alive.decrementAndGet();
        }

        void checkOpen() {
            if (isClosed) {
                throw new IllegalStateException(this + " is used after it was closed");
            }
        }
    }

    @Override
    public TrtVersion version() {
        return TrtVersion.BINDINGS;
    }

    @Override
    public int deviceCount() {
        return devices.size();
    }

    @Override
    public GpuDevice device(int id) {
        return Optional.ofNullable(devices.get(id))
                .orElseThrow(() -> InferenceException.internal("no GPU " + id));
    }

    @Override
    public void use(int deviceId) {
        device(deviceId);
    }

    @Override
    public TrtRuntime createRuntime(OptionalInt accelerator) {
        if (accelerator.isPresent() && accelerator.getAsInt() >= accelerators) {
            throw InferenceException.invalid("unable to create TensorRT runtime with DLA Core ID: "
                    + accelerator.getAsInt() + ", available number of DLA cores: " + accelerators);
        }
        story.add("runtime" + (accelerator.isPresent() ? " on DLA " + accelerator.getAsInt() : ""));
        return created(new FakeRuntime(), "a runtime");
    }

    private final class FakeRuntime extends Counted implements TrtRuntime {
        private int engines;

        @Override
        public TrtEngine load(MemorySegment plan) {
            checkOpen();
            TrtEngine engine = created(new FakeEngine(this), "an engine");
            engines++;
            story.add("engine");
            return engine;
        }

        @Override
        public void close() {
            if (engines > 0) {
                throw new IllegalStateException("a runtime is closed before its engines");
            }
            closeOnce();
        }
    }

    private final class FakeEngine extends Counted implements TrtEngine {
        private final FakeRuntime runtime;
        private int contexts;

        FakeEngine(FakeRuntime runtime) {
            this.runtime = runtime;
        }

        @Override
        public EngineLayout layout() {
            return layout;
        }

        @Override
        public void setWeightBudget(long byteSize) {
            weightBudget = byteSize;
        }

        @Override
        public long automaticWeightBudget() {
            return 77;
        }

        @Override
        public TrtContext createContext(boolean followsProfile) {
            checkOpen();
            story.add(followsProfile ? "context that follows its profile" : "context");
            TrtContext context = created(new FakeContext(this), "a context");
            contexts++;
            return context;
        }

        @Override
        public void close() {
            if (contexts > 0) {
                throw new IllegalStateException("an engine is closed before its contexts");
            }
            runtime.engines--;
            closeOnce();
        }
    }

    private final class FakeContext extends Counted implements TrtContext {
        private final FakeEngine engine;
        private final Map<String, Shape> shapes = new HashMap<>();
        private final Map<String, Long> addresses = new HashMap<>();
        private final Map<String, OutputSink> sinks = new HashMap<>();
        private int profile;

        FakeContext(FakeEngine engine) {
            this.engine = engine;
        }

        @Override
        public void selectProfile(int index, CudaStream stream) {
            profile = index;
        }

        @Override
        public void setInputShape(String input, Shape shape) {
            checkOpen();
            EngineLayout.Range range = layout.profiles().get(profile).shapes().get(input);
            if (range != null && ProfileChoice.misfit(Dims.of(shape.toArray()), range, 0).isPresent()) {
                throw InferenceException.internal("trt failed to set binding dimension to " + shape);
            }
            shapes.put(input, shape);
        }

        @Override
        public void setAddress(String tensor, long address) {
            addresses.put(tensor, address);
        }

        @Override
        public void setOutputSink(String output, OutputSink sink) {
            sinks.put(output, sink);
        }

        @Override
        public Dims shape(String tensor) {
            IoTensor declared = layout.tensor(tensor).orElseThrow();
            Dims given = outputShapes.get(tensor);
            if (given != null) {
                return given;
            }
            // Like the first input of that rank, where a dimension is open.
            long[] dims = declared.dims().toArray();
            Shape source = shapes.values().stream().filter(shape -> shape.rank() == dims.length).findFirst()
                    .orElse(Shape.of(dims.length == 0 ? new long[0] : new long[dims.length]));
            for (int i = 0; i < dims.length; i++) {
                dims[i] = dims[i] == Dims.ANY ? source.dimension(i) : dims[i];
            }
            return Dims.of(dims);
        }

        @Override
        public void checkComplete() {
            for (IoTensor input : layout.inputs()) {
                if (!addresses.containsKey(input.name())) {
                    throw InferenceException.internal("no address for input '" + input.name() + "'");
                }
            }
        }

        @Override
        public void enqueue(CudaStream stream) {
            checkOpen();
            story.add("enqueue on profile " + profile);
            Map<String, Shape> now = Map.copyOf(shapes);
            ((FakeStream) stream).perform(() -> run(now));
        }

        private void run(Map<String, Shape> now) {
            if (failsExecution) {
                throw InferenceException.internal("unable to enqueue for inference: the test says so");
            }
            computation.run(new Call() {
                @Override
                public Shape shape(String input) {
                    return Optional.ofNullable(now.get(input)).orElseGet(
                            () -> Shape.of(layout.tensor(input).orElseThrow().dims().toArray()));
                }

                @Override
                public MemorySegment input(String name) {
                    IoTensor tensor = layout.tensor(name).orElseThrow();
                    long size = tensor.format().byteSize(shape(name).toArray(), tensor.dataType().orElseThrow());
                    return at(addresses.get(name), size);
                }

                @Override
                public void write(String output, Shape shape, MemorySegment content) {
                    OutputSink sink = sinks.get(output);
                    long address = 0;
                    if (sink != null) {
                        address = sink.reserve(content.byteSize());
                        if (address == 0) {
                            throw InferenceException.internal("no memory for '" + output + "'");
                        }
                        sink.tell(shape);
                    } else {
                        address = Optional.ofNullable(addresses.get(output)).orElseThrow();
                    }
                    at(address, content.byteSize()).copyFrom(content);
                }
            });
        }

        @Override
        public void close() {
            engine.contexts--;
            closeOnce();
        }
    }

    /** Makes a shape known that depends on data or differs from the input's. */
    FakeTensorRt withOutputShape(String output, Dims dims) {
        outputShapes.put(output, dims);
        return this;
    }

    @SuppressWarnings("restricted")
    private MemorySegment at(@Nullable Long address, long byteSize) {
        if (address == null) {
            throw new IllegalStateException("no address");
        }
        MemorySegment known = memory.get(address);
        if (known != null) {
            return known.asSlice(0, byteSize);
        }
        return MemorySegment.ofAddress(address).reinterpret(byteSize);
    }

    @Override
    public CudaStream createStream(Optimization.Priority priority) {
        story.add("stream of priority " + priority);
        return created(new FakeStream(), "a stream");
    }

    @SuppressWarnings("restricted")
    private static MemorySegment raw(long address, long byteSize) {
        return MemorySegment.ofAddress(address).reinterpret(byteSize);
    }

    private final class FakeStream extends Counted implements CudaStream {
        private @Nullable List<Runnable> recording;

        void perform(Runnable work) {
            checkOpen();
            List<Runnable> recorded = recording;
            if (recorded != null) {
                recorded.add(work);
            } else {
                work.run();
            }
        }

        @Override
        public void copyIn(MemorySegment host, long deviceAddress) {
            story.add("copy in " + host.byteSize());
            perform(() -> raw(deviceAddress, host.byteSize()).copyFrom(host));
        }

        @Override
        public void copyOut(long deviceAddress, MemorySegment host) {
            story.add("copy out " + host.byteSize());
            perform(() -> host.copyFrom(raw(deviceAddress, host.byteSize())));
        }

        @Override
        public void copyAcross(long fromAddress, long toAddress, long byteSize) {
            story.add("copy across " + byteSize);
            perform(() -> raw(toAddress, byteSize).copyFrom(raw(fromAddress, byteSize)));
        }

        @Override
        public void record(CudaEvent event) {
            checkOpen();
        }

        @Override
        public void waitFor(CudaEvent event) {
            story.add("wait for the other stream");
        }

        @Override
        public void synchronize() {
            checkOpen();
            story.add("synchronize");
        }

        @Override
        public void beginCapture() {
            recording = new ArrayList<>();
        }

        @Override
        public CudaGraph endCapture() {
            List<Runnable> recorded = recording == null ? List.of() : recording;
            recording = null;
            return created(new FakeGraph(recorded), "a graph");
        }

        @Override
        public void launch(CudaGraph graph) {
            story.add("launch");
            ((FakeGraph) graph).work.forEach(this::perform);
        }

        @Override
        public void close() {
            closeOnce();
        }
    }

    private final class FakeGraph extends Counted implements CudaGraph {
        private final List<Runnable> work;

        FakeGraph(List<Runnable> work) {
            this.work = work;
        }

        @Override
        public void close() {
            closeOnce();
        }
    }

    @Override
    public CudaEvent createEvent(boolean spins) {
        story.add(spins ? "event that spins" : "event");
        return created(new FakeEvent(), "an event");
    }

    private final class FakeEvent extends Counted implements CudaEvent {
        @Override
        public void await() {
            checkOpen();
        }

        @Override
        public void close() {
            closeOnce();
        }
    }

    @Override
    public DeviceMemory allocate(long byteSize, String purpose) {
        if (byteSize > freeBytes) {
            throw InferenceException.unavailable("out of memory on GPU 0: " + byteSize + " bytes for " + purpose + ", "
                    + freeBytes + " bytes are free");
        }
        return created(new FakeMemory(byteSize), "memory");
    }

    private final class FakeMemory extends Counted implements DeviceMemory {
        private final Arena arena = Arena.ofShared();
        private final MemorySegment segment;

        FakeMemory(long byteSize) {
            segment = arena.allocate(byteSize, 64);
            memory.put(segment.address(), segment);
        }

        @Override
        public long address() {
            checkOpen();
            return segment.address();
        }

        @Override
        public long byteSize() {
            return segment.byteSize();
        }

        @Override
        public void close() {
            closeOnce();
            memory.remove(segment.address());
            arena.close();
        }
    }

    @Override
    public void close() {
        if (alive.get() != 0) {
            throw new IllegalStateException(alive.get() + " objects are still alive");
        }
    }
}

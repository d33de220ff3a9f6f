package dev.nereid.engine.gpu;

import dev.nereid.repository.config.Devices.ComputeCapability;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;

/** A driver whose GPUs lie in host memory. A handle is 64 times the number that {@link #share} returned. */
public final class FakeGpuDriver implements GpuDriver {
    private final Arena arena = Arena.ofShared();
    private final List<Gpu> gpus = new ArrayList<>();
    private final Map<Byte, MemorySegment> shared = new ConcurrentHashMap<>();
    private final List<DeviceMemory> open = new ArrayList<>();
    private volatile GpuUse use = new GpuUse(OptionalDouble.of(0.25), OptionalDouble.of(8e9), OptionalDouble.of(2e9),
            OptionalDouble.of(71.5), OptionalDouble.of(300), OptionalDouble.of(1000));
    private boolean refusesToPin;
    private boolean isClosed;

    /** Has a GPU more. */
    public FakeGpuDriver with(int major, int minor) {
        int id = gpus.size();
        gpus.add(new Gpu(id, "Fake " + id, "GPU-0000000" + id, new ComputeCapability(major, minor), 8_000_000_000L));
        return this;
    }

    /** Gives no page-locked memory. */
    public FakeGpuDriver refusingToPin() {
        refusesToPin = true;
        return this;
    }

    /** From now on the GPUs do that. */
    public void uses(GpuUse value) {
        use = value;
    }

    /** Returns memory that a client has on a GPU; its handle consists of {@code number}. */
    public MemorySegment share(byte number, long byteSize) {
        MemorySegment memory = arena.allocate(byteSize);
        shared.put(number, memory);
        return memory;
    }

    /** Returns the handle of shared memory. */
    public static byte[] handle(byte number) {
        byte[] handle = new byte[IPC_HANDLE_SIZE];
        Arrays.fill(handle, number);
        return handle;
    }

    /** Returns how many handles are open. */
    public synchronized int openHandles() {
        return open.size();
    }

    public boolean isClosed() {
        return isClosed;
    }

    @Override
    public Report report() {
        return new Report(true, gpus.isEmpty() ? "no CUDA-capable device is detected" : "13.3", "595.12", true);
    }

    @Override
    public List<Gpu> gpus() {
        return List.copyOf(gpus);
    }

    @Override
    public GpuUse use(Gpu gpu) {
        return use;
    }

    @Override
    public synchronized DeviceMemory openIpc(Gpu gpu, byte[] handle) throws GpuException {
        MemorySegment memory = shared.get(handle[0]);
        if (memory == null || !Arrays.equals(handle, handle(handle[0]))) {
            throw new GpuException("invalid argument");
        }
        DeviceMemory opened = new DeviceMemory() {
            @Override
            public long byteSize() {
                return memory.byteSize();
            }

            @Override
            public void read(long offset, MemorySegment target) {
                target.copyFrom(memory.asSlice(offset, target.byteSize()));
            }

            @Override
            public void write(long offset, MemorySegment source) {
                memory.asSlice(offset, source.byteSize()).copyFrom(source);
            }

            @Override
            public void close() {
                closed(this);
            }
        };
        open.add(opened);
        return opened;
    }

    private synchronized void closed(DeviceMemory memory) {
        if (!open.remove(memory)) {
            throw new IllegalStateException("closed twice");
        }
    }

    @Override
    public MemorySegment pin(Gpu gpu, long byteSize) throws GpuException {
        if (refusesToPin) {
            throw new GpuException("out of memory");
        }
        return arena.allocate(byteSize, 256);
    }

    @Override
    public void close() {
        if (openHandles() > 0) {
            throw new IllegalStateException("handles are still open");
        }
        isClosed = true;
        arena.close();
    }
}

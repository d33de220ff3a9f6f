package dev.nereid.engine.gpu;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.nereid.repository.config.Devices.ComputeCapability;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The vendor's driver, through its two C libraries.
 *
 * <p>What needs a context on a device runs on the one thread of {@link ContextThread}: contexts belong to threads of the
 * system, and a native call would hold up the carrier of a virtual one. Contexts are the devices' primary ones, which
 * backends use as well; each is made when it is first needed.
 */
@SuppressWarnings("restricted") // page-locked memory comes without its size
final class NativeGpuDriver implements GpuDriver {
    private static final Logger LOGGER = System.getLogger(NativeGpuDriver.class.getName());
    private static final int NAME_SIZE = 256;
    private static final int UUID_SIZE = 16;

    private final Arena arena;
    private final CudaLibrary cuda;
    private final @Nullable ManagementLibrary management;
    private final Report report;
    private final List<Gpu> gpus;
    private final ContextThread thread = new ContextThread();
    /** Used by that thread only. */
    private final Map<Integer, MemorySegment> contexts = new HashMap<>();
    private final List<MemorySegment> pinned = new ArrayList<>();

    private NativeGpuDriver(Arena arena, CudaLibrary cuda, @Nullable ManagementLibrary management, Report report,
            List<Gpu> gpus) {
        this.arena = arena;
        this.cuda = cuda;
        this.management = management;
        this.report = report;
        this.gpus = gpus;
    }

    static GpuDriver open(String cudaName, String managementName) {
        // Libraries of a driver keep threads and state of their own: they are never unloaded.
        Arena arena = Arena.global();
        Optional<CudaLibrary> cuda = CudaLibrary.open(cudaName, arena);
        if (cuda.isEmpty()) {
            return GpuDriver.none("no NVIDIA driver: " + cudaName + " is not installed");
        }
        ManagementLibrary management = null;
        String managementText;
        try {
            management = ManagementLibrary.open(managementName, arena);
            managementText = management.driverVersion();
        } catch (GpuException e) {
            managementText = String.valueOf(e.getMessage());
        }
        String cudaText;
        List<Gpu> gpus = List.of();
        try {
            cuda.get().check(cuda.get().init, cuda.get().init.call(0));
            cudaText = version(cuda.get());
            gpus = discover(cuda.get(), management);
        } catch (GpuException e) {
            cudaText = String.valueOf(e.getMessage());
        }
        return new NativeGpuDriver(arena, cuda.get(), management,
                new Report(true, cudaText, managementText, management != null), gpus);
    }

    private static String version(CudaLibrary cuda) throws GpuException {
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment version = scratch.allocate(JAVA_INT);
            cuda.check(cuda.driverVersion, cuda.driverVersion.call(version));
            int number = version.get(JAVA_INT, 0);
            return number / 1000 + "." + number % 1000 / 10;
        }
    }

    private static List<Gpu> discover(CudaLibrary cuda, @Nullable ManagementLibrary management) throws GpuException {
        List<Gpu> found = new ArrayList<>();
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment number = scratch.allocate(JAVA_INT);
            cuda.check(cuda.deviceCount, cuda.deviceCount.call(number));
            int count = number.get(JAVA_INT, 0);
            for (int id = 0; id < count; id++) {
                cuda.check(cuda.device, cuda.device.call(number, id));
                found.add(describe(cuda, management, id, number.get(JAVA_INT, 0), scratch));
            }
        }
        return List.copyOf(found);
    }

    private static Gpu describe(CudaLibrary cuda, @Nullable ManagementLibrary management, int id, int device,
            Arena scratch) throws GpuException {
        MemorySegment name = scratch.allocate(NAME_SIZE);
        cuda.check(cuda.deviceName, cuda.deviceName.call(name, NAME_SIZE, device));
        MemorySegment uuid = scratch.allocate(UUID_SIZE);
        cuda.check(cuda.deviceUuid, cuda.deviceUuid.call(uuid, device));
        MemorySegment memory = scratch.allocate(JAVA_LONG);
        cuda.check(cuda.deviceMemory, cuda.deviceMemory.call(memory, device));
        ComputeCapability capability = new ComputeCapability(
                attribute(cuda, CudaLibrary.CAPABILITY_MAJOR, device, scratch),
                attribute(cuda, CudaLibrary.CAPABILITY_MINOR, device, scratch));
        return new Gpu(id, name.getString(0), identity(uuid.toArray(ValueLayout.JAVA_BYTE), management), capability,
                memory.get(JAVA_LONG, 0));
    }

    private static int attribute(CudaLibrary cuda, int attribute, int device, Arena scratch) throws GpuException {
        MemorySegment value = scratch.allocate(JAVA_INT);
        cuda.check(cuda.deviceAttribute, cuda.deviceAttribute.call(value, attribute, device));
        return value.get(JAVA_INT, 0);
    }

    private static String identity(byte[] uuid, @Nullable ManagementLibrary management) {
        String hex = HexFormat.of().formatHex(uuid);
        String text = String.join("-", hex.substring(0, 8), hex.substring(8, 12), hex.substring(12, 16),
                hex.substring(16, 20), hex.substring(20));
        String part = "MIG-" + text;
        return management != null && management.knows(part) ? part : "GPU-" + text;
    }

    @Override
    public Report report() {
        return report;
    }

    @Override
    public List<Gpu> gpus() {
        return gpus;
    }

    @Override
    public GpuUse use(Gpu gpu) {
        return management == null ? GpuUse.UNKNOWN : management.use(gpu);
    }

    @Override
    public DeviceMemory openIpc(Gpu gpu, byte[] handle) throws GpuException {
        return thread.call(() -> {
            enter(gpu);
            try (Arena scratch = Arena.ofConfined()) {
                MemorySegment address = scratch.allocate(JAVA_LONG);
                cuda.check(cuda.openIpc, cuda.openIpc.call(address,
                        scratch.allocateFrom(ValueLayout.JAVA_BYTE, handle), CudaLibrary.IPC_LAZY_PEER_ACCESS));
                long start = address.get(JAVA_LONG, 0);
                try {
                    MemorySegment size = scratch.allocate(JAVA_LONG);
                    cuda.check(cuda.addressRange, cuda.addressRange.call(address, size, start));
                    return new IpcMemory(gpu, start, size.get(JAVA_LONG, 0));
                } catch (GpuException e) {
                    int _ = cuda.closeIpc.call(start);
                    throw e;
                }
            }
        });
    }

    @Override
    public MemorySegment pin(Gpu gpu, long byteSize) throws GpuException {
        return thread.call(() -> {
            enter(gpu);
            try (Arena scratch = Arena.ofConfined()) {
                MemorySegment place = scratch.allocate(ADDRESS);
                cuda.check(cuda.pin, cuda.pin.call(place, byteSize, CudaLibrary.HOST_ALLOC_PORTABLE));
                MemorySegment memory = place.get(ADDRESS, 0).reinterpret(byteSize, arena, null);
                pinned.add(memory);
                return memory;
            }
        });
    }

    /** Makes a device's context the thread's. */
    private void enter(Gpu gpu) throws GpuException {
        MemorySegment context = contexts.get(gpu.id());
        if (context == null) {
            try (Arena scratch = Arena.ofConfined()) {
                MemorySegment place = scratch.allocate(ADDRESS);
                cuda.check(cuda.retainContext, cuda.retainContext.call(place, device(gpu, scratch)));
                context = place.get(ADDRESS, 0);
                contexts.put(gpu.id(), context);
            }
        }
        cuda.check(cuda.setContext, cuda.setContext.call(context));
    }

    private int device(Gpu gpu, Arena scratch) throws GpuException {
        MemorySegment number = scratch.allocate(JAVA_INT);
        cuda.check(cuda.device, cuda.device.call(number, gpu.id()));
        return number.get(JAVA_INT, 0);
    }

    @Override
    public void close() {
        try {
            thread.call(() -> {
                release();
                return true;
            });
        } catch (GpuException e) {
            LOGGER.log(Level.WARNING, () -> "the GPU driver: " + e.getMessage());
        } finally {
            thread.close();
            if (management != null) {
                management.close();
            }
        }
    }

    private void release() throws GpuException {
        for (MemorySegment memory : pinned) {
            int _ = cuda.unpin.call(memory);
        }
        pinned.clear();
        try (Arena scratch = Arena.ofConfined()) {
            for (Gpu gpu : gpus) {
                if (contexts.remove(gpu.id()) != null) {
                    cuda.check(cuda.releaseContext, cuda.releaseContext.call(device(gpu, scratch)));
                }
            }
        }
    }

    /** Memory of another process, open in this one. */
    private final class IpcMemory implements DeviceMemory {
        private final Gpu gpu;
        private final long start;
        private final long byteSize;

        IpcMemory(Gpu gpu, long start, long byteSize) {
            this.gpu = gpu;
            this.start = start;
            this.byteSize = byteSize;
        }

        @Override
        public long byteSize() {
            return byteSize;
        }

        @Override
        public void read(long offset, MemorySegment target) throws GpuException {
            thread.call(() -> {
                enter(gpu);
                cuda.check(cuda.copyToHost, cuda.copyToHost.call(target, start + offset, target.byteSize()));
                return true;
            });
        }

        @Override
        public void write(long offset, MemorySegment source) throws GpuException {
            thread.call(() -> {
                enter(gpu);
                cuda.check(cuda.copyToDevice, cuda.copyToDevice.call(start + offset, source, source.byteSize()));
                return true;
            });
        }

        @Override
        public void close() {
            try {
                thread.call(() -> {
                    enter(gpu);
                    cuda.check(cuda.closeIpc, cuda.closeIpc.call(start));
                    return true;
                });
            } catch (GpuException e) {
                LOGGER.log(Level.WARNING, () -> "shared GPU memory can't be closed: " + e.getMessage());
            }
        }
    }
}

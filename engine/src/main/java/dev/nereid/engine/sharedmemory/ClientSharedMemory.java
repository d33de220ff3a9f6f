package dev.nereid.engine.sharedmemory;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.engine.gpu.DeviceMemory;
import dev.nereid.engine.gpu.Gpu;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.engine.gpu.GpuException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The registered regions, of both kinds, under one set of names. A region that is unregistered while requests use it
 * takes no further requests and is unmapped when the last of them is answered.
 *
 * <p>Threads: any. One lock guards names and counts; files are opened and memory is mapped and unmapped outside it.
 */
public final class ClientSharedMemory implements AutoCloseable {
    /** Where Linux keeps POSIX shared memory objects. */
    public static final Path DIRECTORY = Path.of("/dev/shm");

    private final Path directory;
    private final GpuDriver driver;
    private final Map<String, Region> regions = new TreeMap<>();

    /** Creates a registry without regions for objects in that directory and memory on the GPUs of that driver. */
    public ClientSharedMemory(Path directory, GpuDriver driver) {
        this.directory = directory;
        this.driver = driver;
    }

    /**
     * Registers a region; offset and size are to be read as unsigned.
     *
     * @throws InferenceException what is wrong with key, name or size
     */
    @SuppressWarnings("MustBeClosedChecker") // the region closes it, or the failure below
    public void register(String name, String key, long offset, long byteSize) {
        SharedObject object = SharedObject.of(directory, name, key);
        checkUnused(name);
        Arena arena = Arena.ofShared();
        try {
            MemorySegment memory = object.map(offset, byteSize, arena);
            add(new Region(new RegionStatus(name, key, offset, byteSize), new RegionMemory.Host(arena, memory)));
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /**
     * Registers a region of GPU memory; device and size are to be read as unsigned.
     *
     * @param handle {@link GpuDriver#IPC_HANDLE_SIZE} bytes
     * @throws InferenceException what is wrong with name, handle or size
     */
    public void registerCuda(String name, byte[] handle, long deviceId, long byteSize) {
        String failed = "failed to register CUDA shared memory region";
        if (!driver.report().isPresent()) {
            throw InferenceException.invalid(failed + ": '" + name + "', GPUs not supported");
        }
        if (handle.length != GpuDriver.IPC_HANDLE_SIZE) {
            throw InferenceException.invalid("'raw_handle' must be a valid base64 encoded cudaIpcMemHandle_t");
        }
        Gpu gpu = driver.gpu(deviceId).orElseThrow(() -> InferenceException.invalid(failed + " '" + name
                + "': there is no GPU " + Long.toUnsignedString(deviceId) + ", the GPUs are "
                + driver.gpus().stream().map(Gpu::id).toList()));
        checkUnused(name);
        DeviceMemory memory;
        try {
            memory = driver.openIpc(gpu, handle);
        } catch (GpuException e) {
            throw new InferenceException(StatusCode.INVALID_ARG,
                    failed + " '" + name + "': failed to open CUDA IPC handle: " + e.getMessage(), e);
        }
        try {
            if (byteSize <= 0 || byteSize > memory.byteSize()) {
                throw InferenceException.invalid("failed to register shared memory region '" + name
                        + "': invalid args");
            }
            add(new Region(new CudaRegionStatus(name, deviceId, byteSize),
                    new RegionMemory.Device(memory, byteSize)));
        } catch (RuntimeException e) {
            memory.close();
            throw e;
        }
    }

    private synchronized void checkUnused(String name) {
        if (regions.containsKey(name)) {
            throw InferenceException.invalid("shared memory region '" + name + "' already in manager");
        }
    }

    private synchronized void add(Region region) {
        checkUnused(region.name());
        regions.put(region.name(), region);
    }

    /** Returns all regions of system shared memory by name, also those that only running requests still hold. */
    public synchronized List<RegionStatus> status() {
        return regions.values().stream().flatMap(region -> region.system().stream()).toList();
    }

    /**
     * Returns one region of system shared memory.
     *
     * @throws InferenceException NOT_FOUND for an unknown one, and for one of the other kind
     */
    public synchronized RegionStatus status(String name) {
        Region region = regions.get(name);
        if (region == null) {
            throw InferenceException.notFound("Unable to find system shared memory region: '" + name + "'");
        }
        return region.system().orElseThrow(() -> otherKind(name, "CUDA", "system"));
    }

    /** Returns all regions of GPU memory by name, also those that only running requests still hold. */
    public synchronized List<CudaRegionStatus> cudaStatus() {
        return regions.values().stream().flatMap(region -> region.cuda().stream()).toList();
    }

    /**
     * Returns one region of GPU memory.
     *
     * @throws InferenceException NOT_FOUND for an unknown one, and for one of the other kind
     */
    public synchronized CudaRegionStatus cudaStatus(String name) {
        Region region = regions.get(name);
        if (region == null) {
            throw InferenceException.notFound("Unable to find cuda shared memory region: '" + name + "'");
        }
        return region.cuda().orElseThrow(() -> otherKind(name, "system", "CUDA"));
    }

    private static InferenceException otherKind(String name, String is, String isNot) {
        return InferenceException.notFound("The region named '" + name + "' is registered as " + is
                + " shared memory, not " + isNot + " shared memory");
    }

    /** Unregisters a region of system shared memory; an unknown one is fine. */
    public void unregister(String name) {
        unregister(name, false);
    }

    /** Unregisters a region of GPU memory; an unknown one is fine. */
    public void unregisterCuda(String name) {
        unregister(name, true);
    }

    private void unregister(String name, boolean isCuda) {
        List<Region> over = new ArrayList<>(1);
        synchronized (this) {
            Region region = regions.get(name);
            if (region != null && region.cuda().isPresent() == isCuda) {
                region.unregister();
                collect(region, over);
            }
        }
        over.forEach(Region::close);
    }

    /** Unregisters all regions of system shared memory. */
    public void unregisterAll() {
        unregisterAll(false);
    }

    /** Unregisters all regions of GPU memory. */
    public void unregisterAllCuda() {
        unregisterAll(true);
    }

    private void unregisterAll(boolean isCuda) {
        List<Region> over = new ArrayList<>();
        synchronized (this) {
            for (Region region : List.copyOf(regions.values())) {
                if (region.cuda().isPresent() == isCuda) {
                    region.unregister();
                    collect(region, over);
                }
            }
        }
        over.forEach(Region::close);
    }

    private void collect(Region region, List<Region> over) {
        if (region.isOver()) {
            regions.remove(region.name());
            over.add(region);
        }
    }

    /** Starts the use of regions by one request. */
    public Lease lease() {
        return new Lease();
    }

    private synchronized Region use(String name) {
        Region region = regions.get(name);
        if (region == null) {
            throw InferenceException.notFound("Unable to find shared memory region: '" + name + "'");
        }
        region.use();
        return region;
    }

    private void release(List<Region> used) {
        List<Region> over = new ArrayList<>(0);
        synchronized (this) {
            for (Region region : used) {
                region.release();
                collect(region, over);
            }
        }
        over.forEach(Region::close);
    }

    @Override
    public void close() {
        unregisterAll();
        unregisterAllCuda();
    }

    /** The regions that one request uses; none again after {@link #end()}. For one thread. */
    public final class Lease implements AutoCloseable {
        private List<Region> used = List.of();

        private Lease() {
        }

        /**
         * Returns a part of a region, which stays mapped until this is closed; offset and size are to be read as unsigned.
         *
         * @throws InferenceException NOT_FOUND for an unknown region; INVALID_ARG when the part is not inside it
         */
        public SharedRange resolve(String name, long offset, long byteSize) {
            Region region = use(name);
            if (used.isEmpty()) {
                used = new ArrayList<>();
            }
            used.add(region);
            long size = region.memory().byteSize();
            if (offset < 0 || offset >= size) {
                throw InferenceException.invalid("Invalid offset for shared memory region: '" + name + "'");
            }
            if (Long.compareUnsigned(byteSize, -1 - offset) > 0) {
                throw InferenceException
                        .invalid("Integer overflow detected: byte_size (" + Long.toUnsignedString(byteSize)
                                + ") + offset (" + offset + ") exceeds maximum value (" + Long.toUnsignedString(-1)
                                + ") for region '"
                                + name + "'");
            }
            if (byteSize < 0 || byteSize > size - offset) {
                throw InferenceException
                        .invalid("Invalid offset + byte size for shared memory region: '" + name + "'");
            }
            return new SharedRange(region.memory(), offset, byteSize);
        }

        @Override
        public void close() {
            end();
        }

        /** Ends the use; nothing that was resolved may be touched any more. */
        public void end() {
            if (!used.isEmpty()) {
                release(used);
                used = List.of();
            }
        }
    }
}

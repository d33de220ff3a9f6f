package dev.nereid.server.sharedmemory;

import dev.nereid.backend.api.InferenceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The registered regions. A region that is unregistered while requests use it takes no further requests and is unmapped
 * when the last of them is answered.
 *
 * <p>Threads: any. One lock guards names and counts; files are opened and memory is mapped and unmapped outside it.
 */
public final class SystemSharedMemory implements AutoCloseable {
    /** Where Linux keeps POSIX shared memory objects. */
    public static final Path DIRECTORY = Path.of("/dev/shm");

    private final Path directory;

    private final Map<String, Region> regions = new TreeMap<>();

    /** Creates a registry without regions for objects in that directory. */
    public SystemSharedMemory(Path directory) {
        this.directory = directory;
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
            add(new Region(new RegionStatus(name, key, offset, byteSize), arena, memory));
        } catch (RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    private synchronized void checkUnused(String name) {
        if (regions.containsKey(name)) {
            throw InferenceException.invalid("shared memory region '" + name + "' already in manager");
        }
    }

    private synchronized void add(Region region) {
        checkUnused(region.status().name());
        regions.put(region.status().name(), region);
    }

    /** Returns all regions by name, also those that only running requests still hold. */
    public synchronized List<RegionStatus> status() {
        return regions.values().stream().map(Region::status).toList();
    }

    /**
     * Returns one region.
     *
     * @throws InferenceException NOT_FOUND for an unknown one
     */
    public synchronized RegionStatus status(String name) {
        Region region = regions.get(name);
        if (region == null) {
            throw InferenceException.notFound("Unable to find system shared memory region: '" + name + "'");
        }
        return region.status();
    }

    /** Returns whether there is a region of that name. */
    public synchronized boolean contains(String name) {
        return regions.containsKey(name);
    }

    /** Unregisters a region; an unknown one is fine. */
    public void unregister(String name) {
        List<Region> over = new ArrayList<>(1);
        synchronized (this) {
            Region region = regions.get(name);
            if (region != null) {
                region.unregister();
                collect(region, over);
            }
        }
        over.forEach(Region::unmap);
    }

    /** Unregisters all regions. */
    public void unregisterAll() {
        List<Region> over = new ArrayList<>();
        synchronized (this) {
            for (Region region : List.copyOf(regions.values())) {
                region.unregister();
                collect(region, over);
            }
        }
        over.forEach(Region::unmap);
    }

    private void collect(Region region, List<Region> over) {
        if (region.isOver()) {
            regions.remove(region.status().name());
            over.add(region);
        }
    }

    /** Starts the use of regions by one request. */
    public Lease lease() {
        return new Lease();
    }

    private synchronized Region use(String name) {
        Region region = regions.get(name);
        if (region == null || region.isUnregistered()) {
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
        over.forEach(Region::unmap);
    }

    @Override
    public void close() {
        unregisterAll();
    }

    /** The regions that one request uses. For one thread. */
    public final class Lease implements AutoCloseable {
        private final List<Region> used = new ArrayList<>(0);

        private Lease() {
        }

        /**
         * Returns a part of a region, which stays mapped until this is closed; offset and size are to be read as unsigned.
         *
         * @throws InferenceException NOT_FOUND for an unknown region; INVALID_ARG when the part is not inside it
         */
        public MemorySegment resolve(String name, long offset, long byteSize) {
            Region region = use(name);
            used.add(region);
            long size = region.memory().byteSize();
            if (offset < 0 || offset >= size) {
                throw InferenceException.invalid("Invalid offset for shared memory region: '" + name + "'");
            }
            if (byteSize < 0 || byteSize > size - offset) {
                throw InferenceException
                        .invalid("Invalid offset + byte size for shared memory region: '" + name + "'");
            }
            return region.memory().asSlice(offset, byteSize);
        }

        @Override
        public void close() {
            end();
        }

        /** Ends the use; nothing that was resolved may be touched any more. */
        public void end() {
            if (!used.isEmpty()) {
                release(used);
                used.clear();
            }
        }
    }
}

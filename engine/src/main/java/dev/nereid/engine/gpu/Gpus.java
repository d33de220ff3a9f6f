package dev.nereid.engine.gpu;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.repository.config.Devices;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;

/** The GPUs that the engine uses, as its options say. Threads: any. */
public final class Gpus implements AutoCloseable {
    private static final Logger LOGGER = System.getLogger(Gpus.class.getName());

    private final GpuDriver driver;
    private final GpuOptions options;
    private final Devices devices;
    private final PinnedMemoryPool pinnedMemory;

    private Gpus(GpuDriver driver, GpuOptions options, Devices devices, PinnedMemoryPool pinnedMemory) {
        this.driver = driver;
        this.options = options;
        this.devices = devices;
        this.pinnedMemory = pinnedMemory;
    }

    /** Tells the log what there is and locks the pages of the pool. The driver is then this object's to close. */
    public static Gpus create(GpuDriver driver, GpuOptions options) {
        GpuDriver.Report report = driver.report();
        if (!report.isPresent()) {
            LOGGER.log(Level.INFO, () -> "GPUs are not used: " + report.cuda());
            return new Gpus(driver, options, Devices.NONE, new PinnedMemoryPool(MemorySegment.NULL));
        }
        Devices devices = new Devices(true,
                driver.gpus().stream().map(gpu -> new Devices.Gpu(gpu.id(), gpu.capability())).toList(),
                options.minimumCapability());
        if (driver.gpus().isEmpty()) {
            LOGGER.log(Level.INFO, () -> "GPUs are not used: there is a driver, but no GPU (" + report.cuda() + ")");
        }
        for (Gpu gpu : driver.gpus()) {
            boolean isUsed = devices.usableGpus().contains(gpu.id());
            LOGGER.log(Level.INFO, () -> "GPU " + gpu.id() + ": " + gpu.name() + ", compute capability "
                    + gpu.capability() + ", " + (gpu.memoryBytes() >> 20) + " MiB, " + gpu.uuid()
                    + (isUsed
                            ? ""
                            : "; not used, since the setting min-supported-compute-capability is "
                                    + options.minimumCapability()));
        }
        return new Gpus(driver, options, devices, pool(driver, devices.usableGpus(), options.pinnedPoolBytes()));
    }

    private static PinnedMemoryPool pool(GpuDriver driver, List<Integer> usable, long byteSize) {
        if (usable.isEmpty() || byteSize == 0) {
            return new PinnedMemoryPool(MemorySegment.NULL);
        }
        try {
            return new PinnedMemoryPool(driver.pin(driver.gpu(usable.getFirst()).orElseThrow(), byteSize));
        } catch (GpuException e) {
            LOGGER.log(Level.WARNING, () -> "no pool of " + byteSize + " bytes of page-locked memory can be had ("
                    + e.getMessage()
                    + "); backends use plain memory. The setting pinned-memory-pool-byte-size is its size.");
            return new PinnedMemoryPool(MemorySegment.NULL);
        }
    }

    /** Returns what instances may be placed on. */
    public Devices devices() {
        return devices;
    }

    /** Returns the driver. */
    public GpuDriver driver() {
        return driver;
    }

    /** Returns the page-locked memory. */
    public PinnedMemoryPool pinnedMemory() {
        return pinnedMemory;
    }

    /** Returns the model's file for a device, where files are named by compute capability. */
    public String modelFilename(InstanceGroup.Kind kind, int device, String defaultFile,
            Map<String, String> filesByCapability) {
        if (kind != InstanceGroup.Kind.GPU || filesByCapability.isEmpty()) {
            return defaultFile;
        }
        return driver.gpu(device).map(gpu -> filesByCapability.getOrDefault(gpu.capability().toString(), defaultFile))
                .orElse(defaultFile);
    }

    /**
     * Checks that a GPU has not more memory in use than the loading of models may lead to.
     *
     * @param instance the name of the instance that was just created
     *
     * @throws InferenceException UNAVAILABLE when it has
     */
    public void checkLoadLimit(String instance, InstanceGroup.Kind kind, int device) {
        Double limit = kind == InstanceGroup.Kind.GPU ? options.loadLimits().get(device) : null;
        if (limit == null) {
            return;
        }
        GpuUse use = driver.gpu(device).map(driver::use).orElse(GpuUse.UNKNOWN);
        if (use.memoryTotalBytes().isEmpty() || use.memoryUsedBytes().isEmpty()) {
            throw InferenceException
                    .unavailable("can not create model '" + instance + "': there is a memory limit for GPU "
                            + device + ", but how much is in use can't be read");
        }
        if (use.memoryUsedBytes().getAsDouble() > limit * use.memoryTotalBytes().getAsDouble()) {
            throw InferenceException.unavailable("can not create model '" + instance + "': memory limit set for GPU "
                    + device + " has exceeded, model loading is rejected.");
        }
    }

    @Override
    public void close() {
        driver.close();
    }
}

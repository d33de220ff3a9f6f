package dev.nereid.engine.gpu;

import java.lang.foreign.MemorySegment;
import java.util.List;

/** A machine without a GPU driver. */
record NoGpuDriver(String reason) implements GpuDriver {
    @Override
    public Report report() {
        return new Report(false, reason, reason, false);
    }

    @Override
    public List<Gpu> gpus() {
        return List.of();
    }

    @Override
    public GpuUse use(Gpu gpu) {
        return GpuUse.UNKNOWN;
    }

    @Override
    public DeviceMemory openIpc(Gpu gpu, byte[] handle) throws GpuException {
        throw new GpuException(reason);
    }

    @Override
    public MemorySegment pin(Gpu gpu, long byteSize) throws GpuException {
        throw new GpuException(reason);
    }

    @Override
    public void close() {
        // Nothing was opened.
    }
}

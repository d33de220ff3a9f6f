package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.StagingMemory;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * One instance's part of a GPU: a stream, on which its copies and kernels follow one another, and page-locked memory to
 * copy from. Opened and used on the instance's thread.
 */
final class GpuSession implements AutoCloseable {
    private final Gpus gpus;
    private final StagingMemory staging;
    private final Device device;
    private final Stream stream;
    private final boolean cleansCache;
    private final boolean usesCudnn;

    private GpuSession(Gpus gpus, StagingMemory staging, Device device, Stream stream, boolean cleansCache,
            boolean usesCudnn) {
        this.gpus = gpus;
        this.staging = staging;
        this.device = device;
        this.stream = stream;
        this.cleansCache = cleansCache;
        this.usesCudnn = usesCudnn;
    }

    static GpuSession open(TorchEnvironment environment, int index, TorchParameters parameters) {
        Gpus gpus = environment.gpus();
        try (PointerScope _ = new PointerScope()) {
            Device device = gpus.device(index);
            Stream stream = gpus.openStream(device);
            device.retainReference();
            stream.retainReference();
            return new GpuSession(gpus, environment.staging(), device, stream, parameters.cacheCleaning(),
                    parameters.cudnn());
        }
    }

    /** Applies before each execution what libtorch keeps for the whole process. */
    void prepare() {
        gpus.useCudnn(usesCudnn);
    }

    Device device() {
        return device;
    }

    /** Returns memory to stage an input in; the caller closes it. */
    ScratchMemory staging() {
        return new ScratchMemory(this::stage);
    }

    /** Takes page-locked memory from the server's pool, or from libtorch where the server has none. */
    private ScratchMemory.Block stage(long bytes) {
        StagingMemory.Buffer buffer = staging.allocate(bytes);
        if (buffer.isPinned()) {
            return new ScratchMemory.Block(buffer.memory(), buffer::close);
        }
        buffer.close();
        try (PointerScope _ = new PointerScope()) {
            Tensor pinned = gpus.pinned(bytes);
            pinned.retainReference();
            return new ScratchMemory.Block(NativeTorch.memory(pinned.data_ptr().address(), bytes),
                    pinned::releaseReference);
        }
    }

    /** Starts to copy staged memory to the device; it must stay as it is until the stream was awaited. */
    Tensor upload(Tensor host) {
        return gpus.upload(host, device);
    }

    /** Starts to copy a result to the host, where it isn't there. */
    Tensor download(Tensor result) {
        return gpus.isOnHost(result) ? result : gpus.download(result);
    }

    /** Waits for everything that this instance has started. */
    void await() {
        gpus.await(stream);
    }

    /** Ends an execution. */
    void finish() {
        if (cleansCache) {
            gpus.emptyCache();
        }
    }

    @Override
    public void close() {
        stream.releaseReference();
        device.releaseReference();
    }
}

package dev.nereid.backend.pytorch;

import java.util.Optional;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceGuardImplInterface;
import org.bytedeco.pytorch.MemoryFormatOptional;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * NVIDIA GPUs through the part of libtorch that is the same for all devices. No class of JavaCPP's CUDA bindings is
 * needed, so an installation of libtorch with CUDA works with the bindings that come for the CPU.
 */
final class CudaGpus implements Gpus {
    @Override
    public Optional<String> obstacle(int index) {
        if (!torch.hasDeviceGuardImpl(torch.DeviceType.CUDA)) {
            return Optional.of("libtorch finds none: its natives here are for the CPU only; put those with CUDA in"
                    + " place, or use instance_group kind KIND_CPU");
        }
        if (!torch.cuda_is_available()) {
            return Optional.of("libtorch finds none: there is no NVIDIA driver, no GPU, or none is visible to this"
                    + " process; use instance_group kind KIND_CPU");
        }
        int count = torch.cuda_device_count();
        return index < count
                ? Optional.empty()
                : Optional.of("libtorch finds only " + count + ", numbered from 0");
    }

    @Override
    public Device device(int index) {
        return new Device(torch.DeviceType.CUDA, (byte) index);
    }

    /** Streams come from a pool of 32 for each device: further instances share. */
    @Override
    public Stream openStream(Device device) {
        DeviceGuardImplInterface guard = guard();
        guard.setDevice(device);
        Stream stream = guard.getStreamFromGlobalPool(device);
        guard.exchangeStream(stream);
        return stream;
    }

    private static DeviceGuardImplInterface guard() {
        return torch.getDeviceGuardImpl(torch.DeviceType.CUDA);
    }

    @Override
    public void await(Stream stream) {
        guard().synchronizeStream(stream);
    }

    @Override
    public Tensor pinned(long byteSize) {
        return torch.empty(new long[]{byteSize},
                new TensorOptions(torch.ScalarType.Byte).pinned_memory(new BoolOptional(true)),
                new MemoryFormatOptional());
    }

    @Override
    public Tensor upload(Tensor host, Device device) {
        return host.to(device, host.scalar_type(), true, false, new MemoryFormatOptional());
    }

    @Override
    public boolean isOnHost(Tensor result) {
        return result.is_cpu();
    }

    /** libtorch takes page-locked memory for a copy to the host that need not be waited for. */
    @Override
    public Tensor download(Tensor result) {
        return result.to(new Device(torch.DeviceType.CPU), result.scalar_type(), true, false,
                new MemoryFormatOptional());
    }

    @Override
    public void emptyCache() {
        torch.emptyCache();
    }

    @Override
    public void useCudnn(boolean isUsed) {
        torch.globalContext().setUserEnabledCuDNN(isUsed);
    }
}

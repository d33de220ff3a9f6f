package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.BackendFactory;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Two GPUs that are the CPU in truth: copies are copies, and everything that is done is noted down. */
final class FakeGpus implements Gpus {
    /** What happened, in order. */
    final List<String> events = new CopyOnWriteArrayList<>();

    /** A factory of the backend that finds these GPUs. */
    BackendFactory factory() {
        return new TestFactory(context -> PyTorchBackend.create(context, this));
    }

    @Override
    public Optional<String> obstacle(int index) {
        return index < 2 ? Optional.empty() : Optional.of("libtorch finds only 2, numbered from 0");
    }

    @Override
    public Device device(int index) {
        return new Device(torch.DeviceType.CPU);
    }

    @Override
    public Stream openStream(Device device) {
        events.add("stream on " + Thread.currentThread().getName());
        return new Stream(Stream.Default.DEFAULT, device);
    }

    @Override
    public void await(Stream stream) {
        events.add("await");
    }

    @Override
    public Tensor pinned(long byteSize) {
        events.add("pinned");
        return torch.empty(new long[]{byteSize}, new TensorOptions(torch.ScalarType.Byte),
                new org.bytedeco.pytorch.MemoryFormatOptional());
    }

    @Override
    public Tensor upload(Tensor host, Device device) {
        events.add("upload");
        return host.clone();
    }

    @Override
    public boolean isOnHost(Tensor result) {
        return false;
    }

    @Override
    public Tensor download(Tensor result) {
        events.add("download");
        return result.clone();
    }

    @Override
    public void emptyCache() {
        events.add("empty cache");
    }

    @Override
    public void useCudnn(boolean isUsed) {
        events.add("cudnn " + isUsed);
    }
}

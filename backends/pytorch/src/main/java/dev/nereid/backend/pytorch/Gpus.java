package dev.nereid.backend.pytorch;

import java.util.Optional;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Stream;
import org.bytedeco.pytorch.Tensor;

/**
 * What this backend needs of GPUs. An interface, so that what is built on it can be tested where there is none. The
 * caller's scope owns what is returned.
 */
interface Gpus {
    /** Returns why GPU {@code index} can't be used, empty where it can. */
    Optional<String> obstacle(int index);

    /** Returns the device that files and tensors are brought to. */
    Device device(int index);

    /** Makes the device and a stream of its own those of the calling thread. */
    Stream openStream(Device device);

    /** Waits until everything that was given to the stream is done. */
    void await(Stream stream);

    /** Returns page-locked host memory of that many bytes. */
    Tensor pinned(long byteSize);

    /** Starts to copy a tensor in page-locked memory to the device. */
    Tensor upload(Tensor host, Device device);

    /** Returns whether a result lies in host memory. */
    boolean isOnHost(Tensor result);

    /** Starts to copy a result to page-locked host memory, which is filled when the stream has been awaited. */
    Tensor download(Tensor result);

    /** Gives memory that libtorch keeps for later back to the devices. */
    void emptyCache();

    /** Sets whether convolutions use cuDNN, for the process. */
    void useCudnn(boolean isUsed);
}

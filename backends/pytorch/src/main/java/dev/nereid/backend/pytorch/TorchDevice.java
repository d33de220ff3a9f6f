package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.DeviceOptional;

/** Where an instance runs. */
sealed interface TorchDevice {
    /** The processor. */
    record Cpu() implements TorchDevice {
    }

    /**
     * A GPU.
     *
     * @param index its index
     */
    record Gpu(int index) implements TorchDevice {
    }

    /** The devices that the model was saved on. */
    record AsSaved() implements TorchDevice {
    }

    /**
     * Returns the device of an instance.
     *
     * @throws InferenceException UNAVAILABLE when it asks for a GPU and there is none that can be used
     */
    static TorchDevice of(InstanceContext context, NativeTorch torch) {
        return switch (context.kind()) {
            case CPU -> new Cpu();
            case MODEL -> new AsSaved();
            case GPU, AUTO -> {
                if (!torch.hasGpu()) {
                    throw InferenceException.unavailable("instance '" + context.name() + "' of model '"
                            + context.config().name() + "' asks for GPU " + context.deviceId()
                            + ", but libtorch finds none: its natives here are for the CPU only, or there is no driver;"
                            + " use instance_group kind KIND_CPU");
                }
                yield new Gpu(context.deviceId());
            }
        };
    }

    /** Returns where a file's tensors are put when it is loaded. */
    default DeviceOptional loadTarget() {
        return switch (this) {
            case Cpu _ -> new DeviceOptional(new Device("cpu"));
            case Gpu gpu -> new DeviceOptional(new Device("cuda:" + gpu.index()));
            case AsSaved _ -> new DeviceOptional();
        };
    }
}

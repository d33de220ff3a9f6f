package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import java.util.Optional;
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
     * @throws InferenceException UNAVAILABLE when it asks for a GPU that can't be used
     */
    static TorchDevice of(InstanceContext context, Gpus gpus) {
        return of(context.kind(), context.deviceId(), "instance '" + context.name() + "' of model '"
                + context.config().name() + "'", gpus);
    }

    /** Returns the device of the model's first instance. */
    static TorchDevice first(ModelConfig config, Gpus gpus) {
        if (config.instanceGroups().isEmpty()) {
            return new Cpu();
        }
        InstanceGroup group = config.instanceGroups().getFirst();
        int device = group.gpus().isEmpty() ? 0 : group.gpus().getFirst();
        return of(group.kind() == InstanceGroup.Kind.AUTO ? InstanceGroup.Kind.CPU : group.kind(), device,
                "model '" + config.name() + "'", gpus);
    }

    private static TorchDevice of(InstanceGroup.Kind kind, int deviceId, String who, Gpus gpus) {
        return switch (kind) {
            case CPU -> new Cpu();
            case MODEL -> new AsSaved();
            case GPU, AUTO -> {
                Optional<String> obstacle = gpus.obstacle(deviceId);
                if (obstacle.isPresent()) {
                    throw InferenceException
                            .unavailable(who + " asks for GPU " + deviceId + ", but " + obstacle.get());
                }
                yield new Gpu(deviceId);
            }
        };
    }

    /** Returns where a file's tensors are put when it is loaded; the caller's scope owns it. */
    default DeviceOptional loadTarget(Gpus gpus) {
        return switch (this) {
            case Cpu _ -> new DeviceOptional(new Device("cpu"));
            case Gpu gpu -> new DeviceOptional(gpus.device(gpu.index()));
            case AsSaved _ -> new DeviceOptional();
        };
    }
}

package dev.nereid.backend.api;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;

/** What the server tells a model about an instance to create. Valid until the instance is closed. */
public interface InstanceContext {
    /** Returns the instance's name, unique within its model and device: {@code <group>_<index>}. */
    String name();

    /** Returns the kind, never {@link InstanceGroup.Kind#AUTO}: the server has resolved it. */
    InstanceGroup.Kind kind();

    /** Returns the device's index for GPU instances, else 0. */
    int deviceId();

    /** Returns the instance group that this instance belongs to, for profiles and secondary devices. */
    InstanceGroup group();

    /** Returns the model's final configuration: completed, checked and normalised. */
    ModelConfig config();

    /**
     * Returns the name of the model's file in the version directory: on a GPU that of {@code cc_model_filenames} for its
     * compute capability where there is one, else that of {@code default_model_filename}, which is empty when the
     * backend has to know.
     *
     * @implSpec By default the second.
     */
    default String modelFilename() {
        return config().defaultModelFilename();
    }
}

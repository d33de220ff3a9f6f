package dev.nereid.isolation.child;

import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.isolation.wire.Lane;

/**
 * An instance of a backend in this process.
 *
 * @param seat its model
 * @param created what it was created with
 * @param instance the instance
 */
record WorkerInstance(WorkerSeat seat, Lane.Create created, ModelInstance instance) {
    boolean isReady() {
        return PluginCalls.call("instance '" + created.name() + "'", "say whether it is ready", seat.classLoader(),
                instance::isReady);
    }

    void close() {
        PluginCalls.close("instance '" + created.name() + "'", seat.classLoader(), instance);
    }

    /** What the server tells of it. */
    record Context(Lane.Create created) implements InstanceContext {
        @Override
        public String name() {
            return created.name();
        }

        @Override
        public InstanceGroup.Kind kind() {
            return created.kind();
        }

        @Override
        public int deviceId() {
            return created.deviceId();
        }

        @Override
        public InstanceGroup group() {
            return created.group();
        }

        @Override
        public ModelConfig config() {
            return created.config();
        }

        @Override
        public String modelFilename() {
            return created.modelFilename();
        }
    }
}

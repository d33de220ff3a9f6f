package dev.nereid.engine.model;

import dev.nereid.backend.api.InstanceContext;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.engine.gpu.Gpus;
import java.util.ArrayList;
import java.util.List;

/** One instance to create. */
record InstanceSpec(String name, InstanceGroup.Kind kind, int deviceId, InstanceGroup group, ModelConfig config,
        String modelFilename)
        implements
            InstanceContext {

    /** Returns the instances that a configuration asks for. */
    static List<InstanceSpec> of(ModelConfig config, Gpus gpus) {
        List<InstanceSpec> specs = new ArrayList<>();
        for (InstanceGroup group : config.instanceGroups()) {
            List<Integer> devices = group.kind() == InstanceGroup.Kind.GPU ? group.gpus() : List.of(0);
            for (int device : devices) {
                for (int i = 0; i < group.count(); i++) {
                    specs.add(new InstanceSpec(group.name() + "_" + i, group.kind(), device, group, config,
                            gpus.modelFilename(group.kind(), device, config.defaultModelFilename(),
                                    config.ccModelFilenames())));
                }
            }
        }
        return specs;
    }

    /** Returns whether an instance for the one can be used for the other: all is equal but the name. */
    boolean isLike(InstanceSpec other) {
        return kind == other.kind && deviceId == other.deviceId && group.isPassive() == other.group.isPassive()
                && group.rateLimiter().equals(other.group.rateLimiter())
                && group.secondaryDevices().equals(other.group.secondaryDevices())
                && group.profiles().equals(other.group.profiles())
                && group.hostPolicy().equals(other.group.hostPolicy());
    }
}

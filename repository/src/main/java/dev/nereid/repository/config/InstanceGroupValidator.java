package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelInstanceGroup;
import java.util.List;
import java.util.stream.Collectors;

/** Checks instance groups, after normalisation, against the devices there are. */
final class InstanceGroupValidator {
    private InstanceGroupValidator() {
    }

    static void check(ModelConfig config, Devices devices) {
        if (config.getPlatform().equals(Platforms.ENSEMBLE) || config.hasEnsembleScheduling()) {
            return;
        }
        if (config.getInstanceGroupCount() == 0) {
            throw InferenceException
                    .invalid("must specify one or more 'instance group's for " + config.getName());
        }
        for (ModelInstanceGroup group : config.getInstanceGroupList()) {
            checkKind(group, prefix(group, config), devices);
            checkProfiles(group, config);
        }
    }

    private static String prefix(ModelInstanceGroup group, ModelConfig config) {
        return "instance group " + group.getName() + " of model " + config.getName();
    }

    private static void checkKind(ModelInstanceGroup group, String prefix, Devices devices) {
        switch (group.getKind()) {
            case KIND_MODEL, KIND_CPU -> {
                if (group.getGpusCount() > 0) {
                    throw InferenceException
                            .invalid(prefix + " has kind " + group.getKind() + " but specifies one or more GPUs");
                }
            }
            case KIND_GPU -> checkGpus(group, prefix, devices);
            case KIND_AUTO, UNRECOGNIZED ->
                throw InferenceException.internal(prefix + " has unexpected kind " + group.getKind());
        }
    }

    private static void checkGpus(ModelInstanceGroup group, String prefix, Devices devices) {
        if (!devices.supportsGpus()) {
            throw InferenceException.invalid(prefix + " has kind KIND_GPU but server does not support GPUs");
        }
        List<Integer> usable = devices.usableGpus();
        if (group.getGpusCount() == 0 && usable.isEmpty()) {
            throw InferenceException.invalid(prefix + " has kind KIND_GPU but no GPUs are available");
        }
        for (int gpu : group.getGpusList()) {
            if (!usable.contains(gpu)) {
                throw InferenceException.invalid(prefix + " specifies invalid or unsupported gpu id " + gpu
                        + ". GPUs with at least the minimum required CUDA compute compatibility of "
                        + devices.minimum() + " are: "
                        + usable.stream().map(String::valueOf).collect(Collectors.joining(", ")));
            }
        }
    }

    private static void checkProfiles(ModelInstanceGroup group, ModelConfig config) {
        if (group.getProfileCount() == 0) {
            return;
        }
        String prefix = prefix(group, config) + " and platform " + config.getPlatform();
        if (!config.getPlatform().equals(Platforms.TENSORRT_PLAN)) {
            throw InferenceException
                    .invalid(prefix + "specifies profile field which is only supported for TensorRT models");
        }
        for (String profile : group.getProfileList()) {
            if (profile.isEmpty()) {
                throw InferenceException.invalid("profile name must not be empty");
            }
            int index;
            try {
                index = Integer.parseInt(profile);
            } catch (NumberFormatException e) {
                throw InferenceException
                        .invalid("unable to parse '" + Printable.escape(profile) + "': stoi");
            }
            if (index < 0) {
                throw InferenceException.invalid(prefix + " specifies invalid profile " + profile
                        + ". The field should contain the string representation of a non-negative integer.");
            }
        }
    }
}

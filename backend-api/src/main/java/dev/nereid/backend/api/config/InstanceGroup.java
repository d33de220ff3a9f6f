package dev.nereid.backend.api.config;

import java.util.List;

/**
 * Instances of one kind.
 *
 * @param name the group's name; instances are named after it
 * @param kind where the instances run
 * @param count the number of instances, on each GPU for GPU groups
 * @param gpus the GPUs; empty for all
 * @param rateLimiter what an execution needs, where the rate limiter is on
 * @param secondaryDevices accelerators beside the GPU
 * @param profiles TensorRT optimisation profiles
 * @param isPassive whether the instances are loaded but never scheduled
 * @param hostPolicy the name of the host policy; empty for the default
 */
public record InstanceGroup(String name, Kind kind, int count, List<Integer> gpus, RateLimiter rateLimiter,
        List<SecondaryDevice> secondaryDevices, List<String> profiles, boolean isPassive, String hostPolicy) {
    /** Copies the lists. */
    public InstanceGroup {
        gpus = List.copyOf(gpus);
        secondaryDevices = List.copyOf(secondaryDevices);
        profiles = List.copyOf(profiles);
    }

    /** Creates a group with name, kind and count; everything else has its default. */
    public InstanceGroup(String name, Kind kind, int count) {
        this(name, kind, count, List.of(), RateLimiter.NONE, List.of(), List.of(), false, "");
    }

    /** Where instances run. */
    public enum Kind {
        /** On GPUs where there are any, else on the CPU. */
        AUTO,
        /** On a GPU. */
        GPU,
        /** On the CPU. */
        CPU,
        /** Where the model itself decides. */
        MODEL
    }

    /**
     * An accelerator beside the GPU (NVDLA).
     *
     * @param deviceId its index
     */
    public record SecondaryDevice(long deviceId) {
    }

    /**
     * What an execution needs, where the rate limiter is on.
     *
     * @param resources the resources
     * @param priority 1 is the highest; n gets 1/n of the chances
     */
    public record RateLimiter(List<Resource> resources, int priority) {
        /** Nothing needed, highest priority. */
        public static final RateLimiter NONE = new RateLimiter(List.of(), 0);

        /** Copies the list. */
        public RateLimiter {
            resources = List.copyOf(resources);
        }
    }

    /**
     * An amount of a resource.
     *
     * @param name the resource
     * @param isGlobal whether all devices share it
     * @param count how much of it an execution takes
     */
    public record Resource(String name, boolean isGlobal, int count) {
    }
}

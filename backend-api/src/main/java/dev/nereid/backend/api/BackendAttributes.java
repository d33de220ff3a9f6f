package dev.nereid.backend.api;

import dev.nereid.backend.api.config.InstanceGroup;
import java.util.List;

/**
 * What a backend declares about itself; the server acts on it.
 *
 * @param executionPolicy how many threads drive the instances of one device
 * @param threadConfinement which thread may call an instance
 * @param preferredInstanceGroups used, first usable one first, when a model configures no instance group; where all
 *     of them are of kind CPU, the backend has no use for GPUs and KIND_AUTO means the CPU
 * @param parallelInstanceLoading whether several instances of one model may be created at the same time
 */
public record BackendAttributes(ExecutionPolicy executionPolicy, ThreadConfinement threadConfinement,
        List<InstanceGroup> preferredInstanceGroups, boolean parallelInstanceLoading) {
    /** One thread for each instance, no preferred groups, instances are created one after the other. */
    public static final BackendAttributes DEFAULT = new BackendAttributes(ExecutionPolicy.BLOCKING,
            ThreadConfinement.OWN_THREAD, List.of(), false);

    /** Copies the list. */
    public BackendAttributes {
        preferredInstanceGroups = List.copyOf(preferredInstanceGroups);
    }

    /** Returns these attributes with another thread confinement. */
    public BackendAttributes withThreadConfinement(ThreadConfinement confinement) {
        return new BackendAttributes(executionPolicy, confinement, preferredInstanceGroups, parallelInstanceLoading);
    }

    /** Returns these attributes with another execution policy. */
    public BackendAttributes withExecutionPolicy(ExecutionPolicy policy) {
        return new BackendAttributes(policy, threadConfinement, preferredInstanceGroups, parallelInstanceLoading);
    }

    /** Returns these attributes with preferred instance groups. */
    public BackendAttributes withPreferredInstanceGroups(List<InstanceGroup> groups) {
        return new BackendAttributes(executionPolicy, threadConfinement, groups, parallelInstanceLoading);
    }

    /** Returns these attributes with parallel instance loading allowed or not. */
    public BackendAttributes withParallelInstanceLoading(boolean allowed) {
        return new BackendAttributes(executionPolicy, threadConfinement, preferredInstanceGroups, allowed);
    }

    /** How many threads drive the instances of one device. */
    public enum ExecutionPolicy {
        /** Every instance has its own thread: {@code execute} blocks it until the batch is done. */
        BLOCKING,
        /**
         * One thread for all instances of a model on the same GPU, which take turns. Instances elsewhere have a thread
         * each.
         */
        DEVICE_BLOCKING
    }

    /** Which thread may call an instance. In both cases only one thread at a time does. */
    public enum ThreadConfinement {
        /** The instance is created, executed and closed on one platform thread of its own. */
        OWN_THREAD,
        /**
         * Any thread may call the instance, one at a time. The server then runs short executions on the thread of the
         * request and saves two hand-offs.
         */
        ANY_THREAD
    }
}

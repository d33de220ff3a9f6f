package dev.nereid.engine.schedule;

import dev.nereid.engine.instance.Instance;
import java.util.List;

/** A scheduler that has instances execute. Threads: any. */
public interface InstanceScheduler extends Scheduler {
    /** Puts an instance into service. */
    void add(Instance instance);

    /**
     * Takes an instance out of service and waits until it is no longer executing. The caller then closes it. Returns
     * false, and does nothing, where {@link #stopInstances()} has returned it already.
     */
    boolean remove(Instance instance);

    /** Returns the instances in service. */
    List<Instance> instances();

    /** Returns how many of the instances in service execute. */
    int busyInstances();

    /** Stops, where that has not been done, and returns the idle instances, once, which are the caller's to close. */
    List<Instance> stopInstances();
}

package dev.nereid.engine.model;

/**
 * How much a model version has to do now.
 *
 * @param instances how many instances there are; 0 for an ensemble
 * @param busyInstances how many of them execute
 * @param waiting how many requests wait
 */
public record ModelLoad(int instances, int busyInstances, int waiting) {
    /** Of a version that has nothing to do and nothing to do it with. */
    static final ModelLoad NONE = new ModelLoad(0, 0, 0);

    /**
     * Returns the share of the instances that are needed with one more request: 1 where all are busy and none waits, more
     * where some do; 0 without instances.
     */
    public double utilizationWithOneMore() {
        return instances == 0 ? 0 : (double) (busyInstances + waiting + 1) / instances;
    }
}

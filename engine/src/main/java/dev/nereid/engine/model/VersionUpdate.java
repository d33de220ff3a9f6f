package dev.nereid.engine.model;

/**
 * A prepared change of the instances of a version that serves. Exactly one of {@link #discard()} and {@link #apply()}
 * follows; after the latter, {@link #finish()}.
 *
 * @param updated the version as it is afterwards: the same model, queue and statistics
 * @param instances its instances
 * @param change what changes of them
 */
record VersionUpdate(ServedVersion updated, InstanceSet instances, InstanceSet.Change change) {
    void discard() {
        instances.discard(change);
    }

    void apply() {
        instances.apply(change);
    }

    /** Blocks until the instances that are gone have finished their executions and are closed. */
    void finish() {
        instances.finish(change);
    }
}

package dev.nereid.engine.schedule;

import dev.nereid.backend.api.BackendAttributes.ThreadConfinement;
import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.ModelInstance;
import dev.nereid.engine.instance.Instance;

/** A model instance that nothing is executed on. */
final class IdleModel implements ModelInstance {
    /** Returns an instance of its own. */
    static Instance instance() {
        return Instance.create("idle_0", ThreadConfinement.OWN_THREAD, IdleModel.class.getClassLoader(),
                IdleModel::new);
    }

    @Override
    public void execute(Batch batch) {
        throw new IllegalStateException("nothing is executed here");
    }
}

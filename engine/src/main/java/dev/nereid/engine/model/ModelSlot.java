package dev.nereid.engine.model;

import dev.nereid.repository.PolledModel;
import dev.nereid.repository.location.HeldDirectory;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What is known of one model beside its versions. The fields are guarded by the slot itself; plugins are never called under
 * its monitor.
 */
final class ModelSlot {
    /** Held while the model is loaded or unloaded. */
    final ReentrantLock loadLock = new ReentrantLock(true);
    /** What the serving versions were loaded from. */
    @Nullable
    PolledModel source;
    /** What was last tried, so that polling does not try it again and again. */
    @Nullable
    PolledModel attempted;
    /** The files that the serving versions use, where they go when those have gone. */
    @Nullable
    HeldDirectory directory;
}

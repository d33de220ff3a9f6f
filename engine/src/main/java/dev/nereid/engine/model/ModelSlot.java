package dev.nereid.engine.model;

import dev.nereid.repository.OverrideDirectory;
import dev.nereid.repository.PolledModel;
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
    /** The files of a load request, as long as they are in use. */
    @Nullable
    OverrideDirectory overrideDirectory;
}

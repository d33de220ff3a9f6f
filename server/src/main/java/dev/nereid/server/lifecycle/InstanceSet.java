package dev.nereid.server.lifecycle;

import dev.nereid.backend.api.ModelInstance;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.server.plugin.LoadedBackend;
import dev.nereid.server.plugin.PluginCalls;
import dev.nereid.server.scheduler.Dispatcher;
import dev.nereid.server.scheduler.Instance;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The instances of one model version, which may change while it serves.
 *
 * <p>Threads: changes are prepared and applied one after the other by whoever loads the model. Instances that a change
 * took out are closed in the background, and an unload may close all of them at the same time: the dispatcher, or the
 * set of passive ones, says who closes an instance, and the closing lock makes the unload wait for instances that the
 * background is just closing, since the model must be closed after them. The lock is held across calls into the plugin
 * for that reason; nothing else takes it.
 */
final class InstanceSet {
    private static final Logger LOGGER = System.getLogger(InstanceSet.class.getName());

    private final LoadedBackend backend;
    private final LoadedModel model;
    private final Dispatcher dispatcher;
    private final ReentrantLock closingLock = new ReentrantLock();
    private final Set<Instance> passive = ConcurrentHashMap.newKeySet();
    /** Used by whoever loads the model. */
    private volatile List<Member> members = List.of();

    /** An instance and what it was made for. */
    record Member(InstanceSpec spec, Instance instance) {
    }

    /**
     * A change that is prepared, but not yet in effect.
     *
     * @param members the instances afterwards
     * @param added those of them that are new
     * @param removed those that are no longer needed
     */
    record Change(List<Member> members, List<Member> added, List<Member> removed) {
    }

    InstanceSet(LoadedModel model, Dispatcher dispatcher) {
        this.backend = model.backend();
        this.model = model;
        this.dispatcher = dispatcher;
    }

    LoadedBackend backend() {
        return backend;
    }

    LoadedModel model() {
        return model;
    }

    Dispatcher dispatcher() {
        return dispatcher;
    }

    /**
     * Creates the instances that a configuration asks for and that are not there yet. When one fails, those that were
     * created are closed again.
     *
     * @param warmUp executes the model's samples on a new instance
     */
    Change prepare(ModelConfig config, Consumer<Instance> warmUp) {
        List<Member> unused = new ArrayList<>(members);
        List<Member> wanted = new ArrayList<>();
        List<Member> added = new ArrayList<>();
        try {
            for (InstanceSpec spec : InstanceSpec.of(config)) {
                Member kept = take(unused, spec);
                if (kept != null) {
                    wanted.add(new Member(spec, kept.instance()));
                    continue;
                }
                Member created = new Member(spec, create(spec));
                added.add(created);
                wanted.add(created);
                warmUp.accept(created.instance());
            }
        } catch (Throwable e) {
            added.forEach(this::close);
            throw e;
        }
        return new Change(List.copyOf(wanted), List.copyOf(added), List.copyOf(unused));
    }

    private static @Nullable Member take(List<Member> unused, InstanceSpec spec) {
        for (Member member : unused) {
            if (member.spec().isLike(spec)) {
                unused.remove(member);
                return member;
            }
        }
        return null;
    }

    private Instance create(InstanceSpec spec) {
        LOGGER.log(Level.DEBUG, () -> "creating instance " + spec.name() + " (" + spec.kind() + " device "
                + spec.deviceId() + ")");
        return Instance.create(spec.name(), backend.attributes().threadConfinement(), backend.classLoader(),
                () -> PluginCalls.<ModelInstance>call("instance '" + spec.name() + "'", "be created",
                        backend.classLoader(), () -> model.model().createInstance(spec)));
    }

    /** Closes what a change that is not to happen has created. */
    void discard(Change change) {
        change.added().forEach(this::close);
    }

    /** Puts the new instances of a change into service. The old ones serve on until {@link #finish}. */
    void apply(Change change) {
        members = change.members();
        for (Member member : change.added()) {
            if (member.spec().group().isPassive()) {
                passive.add(member.instance());
            } else {
                dispatcher.add(member.instance());
            }
        }
    }

    /** Takes the old instances of a change out of service and closes each when its last execution has ended. */
    void finish(Change change) {
        closingLock.lock();
        try {
            for (Member member : change.removed()) {
                boolean isMine = member.spec().group().isPassive()
                        ? passive.remove(member.instance())
                        : dispatcher.remove(member.instance());
                if (isMine) {
                    close(member);
                }
            }
        } finally {
            closingLock.unlock();
        }
    }

    /** Finishes the running requests, then closes all instances. Blocks until that is done. */
    void close() {
        closingLock.lock();
        try {
            dispatcher.stop().forEach(this::close);
            for (Instance instance : List.copyOf(passive)) {
                if (passive.remove(instance)) {
                    close(instance);
                }
            }
        } finally {
            closingLock.unlock();
        }
    }

    private void close(Member member) {
        close(member.instance());
    }

    private void close(Instance instance) {
        PluginCalls.close("instance '" + instance.name() + "'", backend.classLoader(), instance);
    }
}

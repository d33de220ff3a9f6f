package dev.nereid.engine.model;

import dev.nereid.engine.gpu.Gpus;
import dev.nereid.engine.instance.Instance;
import dev.nereid.engine.plugin.LoadedBackend;
import dev.nereid.engine.plugin.PluginCalls;
import dev.nereid.engine.schedule.InstanceScheduler;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The instances of one model version, which may change while it serves.
 *
 * <p>Threads: changes are prepared and applied one after the other by whoever loads the model. Instances that a change
 * took out are closed in the background, and an unload may close all of them at the same time: the scheduler, or the
 * set of passive ones, says who closes an instance, and the closing lock makes the unload wait for instances that the
 * background is just closing, since the model must be closed after them. The lock is held across calls into the plugin
 * for that reason; nothing else takes it.
 */
final class InstanceSet {
    private final LoadedBackend backend;
    private final LoadedModel model;
    private final InstanceScheduler scheduler;
    private final InstanceFactory factory;
    private final Gpus gpus;
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

    InstanceSet(LoadedModel model, InstanceScheduler scheduler, InstanceFactory factory, Gpus gpus) {
        this.backend = model.backend();
        this.model = model;
        this.scheduler = scheduler;
        this.factory = factory;
        this.gpus = gpus;
    }

    LoadedBackend backend() {
        return backend;
    }

    LoadedModel model() {
        return model;
    }

    InstanceScheduler scheduler() {
        return scheduler;
    }

    /**
     * Creates the instances that are asked for and not there yet, at the same time where that is allowed. When one
     * fails, or leaves its GPU fuller than models may make it, those that were created are closed again.
     *
     * @param warmUp executes the model's samples on a new instance
     */
    Change prepare(List<InstanceSpec> specs, Consumer<Instance> warmUp) {
        List<Member> unused = new ArrayList<>(members);
        List<Member> kept = new ArrayList<>();
        List<InstanceSpec> missing = new ArrayList<>();
        for (InstanceSpec spec : specs) {
            Member existing = take(unused, spec);
            if (existing == null) {
                missing.add(spec);
            } else {
                kept.add(new Member(spec, existing.instance()));
            }
        }
        List<Member> added = new ArrayList<>();
        try {
            if (factory.createsInParallel()) {
                createTogether(missing, warmUp, added);
            } else {
                missing.forEach(spec -> create(spec, warmUp, added));
            }
        } catch (Throwable e) {
            added.forEach(this::close);
            throw e;
        }
        List<Member> wanted = new ArrayList<>(kept);
        wanted.addAll(added);
        wanted.sort(Comparator.comparingInt(member -> specs.indexOf(member.spec())));
        return new Change(List.copyOf(wanted), List.copyOf(added), List.copyOf(unused));
    }

    private void create(InstanceSpec spec, Consumer<Instance> warmUp, List<Member> added) {
        Member created = new Member(spec, factory.create(spec));
        synchronized (added) {
            added.add(created);
        }
        warmUp.accept(created.instance());
        // Only now, so that what the instance takes counts, too.
        gpus.checkLoadLimit(spec.name(), spec.kind(), spec.deviceId());
    }

    /** Waits for all, also when one fails, and throws what the first in order threw. */
    private void createTogether(List<InstanceSpec> specs, Consumer<Instance> warmUp, List<Member> added) {
        List<FutureTask<Void>> tasks = specs.stream()
                .map(spec -> new FutureTask<Void>(() -> create(spec, warmUp, added), null)).toList();
        tasks.forEach(task -> Thread.ofPlatform().name("nereid-create").daemon(true).start(task));
        Throwable failure = null;
        boolean interrupted = false;
        for (FutureTask<Void> task : tasks) {
            while (true) {
                try {
                    task.get();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                } catch (ExecutionException e) {
                    failure = failure == null ? e.getCause() : failure;
                    break;
                }
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        added.sort(Comparator.comparingInt(member -> specs.indexOf(member.spec())));
        switch (failure) {
            case null -> {
            }
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new IllegalStateException(failure);
        }
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
                scheduler.add(member.instance());
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
                        : scheduler.remove(member.instance());
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
            scheduler.stopInstances().forEach(this::close);
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

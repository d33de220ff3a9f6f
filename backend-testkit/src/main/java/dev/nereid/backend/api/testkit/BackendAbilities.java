package dev.nereid.backend.api.testkit;

import dev.nereid.backend.api.config.InstanceGroup;
import java.util.EnumSet;
import java.util.Set;

/**
 * What a backend says it can do. What it says is tested to work; what it does not say must be refused with
 * UNSUPPORTED when a model that asks for it is loaded.
 *
 * @param batching whether models may have a batch dimension
 * @param dynamicShapes whether dimensions may be -1
 * @param optionalInputs whether inputs may be optional
 * @param kinds the kinds of instances
 * @param decoupled whether requests may have any number of answers
 */
public record BackendAbilities(boolean batching, boolean dynamicShapes, boolean optionalInputs,
        Set<InstanceGroup.Kind> kinds, boolean decoupled) {
    /** On the CPU, nothing else. */
    public static final BackendAbilities NONE = new BackendAbilities(false, false, false,
            Set.of(InstanceGroup.Kind.CPU), false);

    /** Says nothing of decoupled models: requests have one answer. */
    public BackendAbilities(boolean batching, boolean dynamicShapes, boolean optionalInputs,
            Set<InstanceGroup.Kind> kinds) {
        this(batching, dynamicShapes, optionalInputs, kinds, false);
    }

    /** Copies the set. */
    public BackendAbilities {
        kinds = Set.copyOf(kinds);
    }

    /** Returns these abilities and batching. */
    public BackendAbilities withBatching() {
        return new BackendAbilities(true, dynamicShapes, optionalInputs, kinds, decoupled);
    }

    /** Returns these abilities and dimensions of -1. */
    public BackendAbilities withDynamicShapes() {
        return new BackendAbilities(batching, true, optionalInputs, kinds, decoupled);
    }

    /** Returns these abilities and optional inputs. */
    public BackendAbilities withOptionalInputs() {
        return new BackendAbilities(batching, dynamicShapes, true, kinds, decoupled);
    }

    /** Returns these abilities on instances of that kind, too. */
    public BackendAbilities withKind(InstanceGroup.Kind kind) {
        Set<InstanceGroup.Kind> more = EnumSet.of(kind);
        more.addAll(kinds);
        return new BackendAbilities(batching, dynamicShapes, optionalInputs, more, decoupled);
    }

    /** Returns these abilities and any number of answers. */
    public BackendAbilities withDecoupled() {
        return new BackendAbilities(batching, dynamicShapes, optionalInputs, kinds, true);
    }
}

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
 */
public record BackendAbilities(boolean batching, boolean dynamicShapes, boolean optionalInputs,
        Set<InstanceGroup.Kind> kinds) {
    /** On the CPU, nothing else. */
    public static final BackendAbilities NONE = new BackendAbilities(false, false, false,
            Set.of(InstanceGroup.Kind.CPU));

    /** Copies the set. */
    public BackendAbilities {
        kinds = Set.copyOf(kinds);
    }

    /** Returns these abilities and batching. */
    public BackendAbilities withBatching() {
        return new BackendAbilities(true, dynamicShapes, optionalInputs, kinds);
    }

    /** Returns these abilities and dimensions of -1. */
    public BackendAbilities withDynamicShapes() {
        return new BackendAbilities(batching, true, optionalInputs, kinds);
    }

    /** Returns these abilities and optional inputs. */
    public BackendAbilities withOptionalInputs() {
        return new BackendAbilities(batching, dynamicShapes, true, kinds);
    }

    /** Returns these abilities on instances of that kind, too. */
    public BackendAbilities withKind(InstanceGroup.Kind kind) {
        Set<InstanceGroup.Kind> more = EnumSet.of(kind);
        more.addAll(kinds);
        return new BackendAbilities(batching, dynamicShapes, optionalInputs, more);
    }
}

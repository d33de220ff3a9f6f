package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/** The tensors of a request, or of what follows from one response of a decoupled step. Belongs to one run. */
final class Scope {
    final int origin;
    final @Nullable Scope parent;
    private final @Nullable Value[] values;
    private final boolean[] isStarted;
    /** The scopes inside this one that are not answered yet, in the order of the responses that opened them. */
    final ArrayDeque<Scope> children = new ArrayDeque<>();
    /** Whether the decoupled step that opens scopes inside this one has ended. */
    boolean hasAllChildren;
    boolean isAnswered;

    /** What is known of a tensor. */
    static final class Value {
        /** Null where nobody made the tensor. */
        final @Nullable Tensor tensor;
        final boolean hasBatchDimension;
        /** Null where the client owns the memory. */
        final @Nullable SharedResponse source;
        /** Uses that are still to come. */
        int uses;

        Value(@Nullable Tensor tensor, boolean hasBatchDimension, @Nullable SharedResponse source, int uses) {
            this.tensor = tensor;
            this.hasBatchDimension = hasBatchDimension;
            this.source = source;
            this.uses = uses;
        }

        /** Returns the tensor's shape for who expects these dims, with or without a batch dimension in front. */
        Shape shapeFor(boolean isBatching, Dims dims) {
            Shape shape = tensor == null ? Shape.of() : tensor.shape();
            boolean fits = dims.rank() == shape.rank() && dims.matches(shape, 0);
            if (isBatching && !hasBatchDimension && fits) {
                return shape.prepend(1);
            }
            if (!isBatching && hasBatchDimension && !fits && shape.rank() > 0 && shape.dimension(0) == 1) {
                return shape.withoutFirst();
            }
            return shape;
        }
    }

    Scope(int origin, @Nullable Scope parent, EnsemblePlan plan) {
        this.origin = origin;
        this.parent = parent;
        this.values = new Value[plan.tensorCount()];
        this.isStarted = new boolean[plan.steps().size()];
    }

    /** Returns a tensor of this scope or of one that it is in; null where it does not exist yet. */
    @Nullable
    Value find(int tensor) {
        for (Scope scope = this; scope != null; scope = scope.parent) {
            Value value = scope.values[tensor];
            if (value != null) {
                return value;
            }
        }
        return null;
    }

    /** Returns whether the tensor is one of this scope's own. */
    boolean owns(int tensor) {
        return values[tensor] != null;
    }

    void set(int tensor, Value value) {
        values[tensor] = value;
    }

    /** Notes that a step is started. Returns false where it was. */
    boolean start(int step) {
        boolean isFirst = !isStarted[step];
        isStarted[step] = true;
        return isFirst;
    }

    /** Gives up the uses that will not come, here and in the scopes inside. */
    void drop() {
        for (Value value : values) {
            if (value != null && value.source != null) {
                for (; value.uses > 0; value.uses--) {
                    value.source.release();
                }
            }
        }
        children.forEach(Scope::drop);
        children.clear();
    }
}

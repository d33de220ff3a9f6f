package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.ensemble.EnsemblePlan.Output;
import dev.nereid.engine.ensemble.EnsemblePlan.Selection;
import dev.nereid.engine.ensemble.Scope.Value;
import dev.nereid.engine.request.ActiveRequest;

/** Makes the answers to a request out of what the steps have made. Belongs to one run. */
final class EnsembleAnswers {
    private final EnsemblePlan plan;
    private final Selection selection;
    private final ActiveRequest request;
    private final SequenceOfRun sequence;
    private final Scope root;
    private final boolean isBatching;

    EnsembleAnswers(EnsemblePlan plan, Selection selection, ActiveRequest request, SequenceOfRun sequence, Scope root,
            boolean isBatching) {
        this.plan = plan;
        this.selection = selection;
        this.request = request;
        this.sequence = sequence;
        this.root = root;
        this.isBatching = isBatching;
    }

    /** Answers with what is complete, in the order in which decoupled steps have answered. */
    void sendComplete() {
        boolean ignored = send(root, 0);
    }

    /** Returns whether nothing of that scope is left to be answered. */
    private boolean send(Scope scope, int depth) {
        if (depth == selection.chain().length) {
            if (!scope.isAnswered && hasOutputs(scope)) {
                scope.isAnswered = true;
                send(scope);
            }
            return scope.isAnswered;
        }
        for (Scope child = scope.children.peek(); child != null; child = scope.children.peek()) {
            if (request.isCancelled() || !send(child, depth + 1)) {
                return false;
            }
            scope.children.remove();
            child.drop();
        }
        scope.isAnswered = scope.hasAllChildren;
        return scope.isAnswered;
    }

    private boolean hasOutputs(Scope scope) {
        for (Output output : selection.outputs()) {
            if (scope.find(output.tensor()) == null) {
                return false;
            }
        }
        return true;
    }

    private void send(Scope scope) {
        InferenceResponse response = request.newResponse();
        sequence.writeTo(response);
        for (Output output : selection.outputs()) {
            Value value = scope.find(output.tensor());
            if (value != null && value.tensor != null) {
                add(response, output, scope, value, value.tensor);
            }
        }
        if (plan.isDecoupled()) {
            response.sendPartial();
        } else {
            response.send();
        }
    }

    private void add(InferenceResponse response, Output output, Scope scope, Value value, Tensor tensor) {
        Shape shape = value.shapeFor(isBatching, output.config().backendDims());
        String name = output.config().name();
        SharedResponse source = value.source;
        if (source == null) {
            response.copyOutput(name, tensor.dataType(), shape, tensor.data());
            return;
        }
        response.addOutput(name, tensor.dataType(), shape, tensor.data(), source::release);
        if (scope.owns(output.tensor())) {
            value.uses--;
        } else {
            source.retain();
        }
    }
}

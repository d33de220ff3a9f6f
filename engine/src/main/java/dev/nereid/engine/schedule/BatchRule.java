package dev.nereid.engine.schedule;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.ActiveRequest;
import java.util.List;
import java.util.Optional;

/**
 * Which requests may share a batch (model-config, 9.2): the same set of inputs where some are optional; equal shapes
 * beyond the batch dimension for inputs of variable size that are not ragged; equal content for shape tensors.
 */
final class BatchRule {
    private final List<String> comparedShapes;
    private final List<String> comparedContents;
    private final boolean comparesInputSets;

    private BatchRule(List<String> comparedShapes, List<String> comparedContents, boolean comparesInputSets) {
        this.comparedShapes = comparedShapes;
        this.comparedContents = comparedContents;
        this.comparesInputSets = comparesInputSets;
    }

    static BatchRule of(ModelConfig config) {
        return new BatchRule(
                config.inputs().stream()
                        .filter(input -> !input.allowRaggedBatch()
                                && (!input.dims().isFixed() || input.isShapeTensor()))
                        .map(ModelInput::name).toList(),
                config.inputs().stream().filter(ModelInput::isShapeTensor).map(ModelInput::name).toList(),
                config.inputs().stream().anyMatch(ModelInput::isOptional));
    }

    boolean mayJoin(ActiveRequest first, ActiveRequest next) {
        if (comparesInputSets && !hasSameInputs(first, next)) {
            return false;
        }
        for (int i = 0; i < comparedShapes.size(); i++) {
            String name = comparedShapes.get(i);
            Optional<Tensor> a = first.input(name);
            Optional<Tensor> b = next.input(name);
            if (a.isPresent() != b.isPresent()
                    || (a.isPresent() && b.isPresent() && !joins(a.get().shape(), b.get().shape()))) {
                return false;
            }
        }
        for (int i = 0; i < comparedContents.size(); i++) {
            String name = comparedContents.get(i);
            Optional<Tensor> a = first.input(name);
            Optional<Tensor> b = next.input(name);
            if (a.isPresent() && b.isPresent() && a.get().data().mismatch(b.get().data()) >= 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean hasSameInputs(ActiveRequest first, ActiveRequest next) {
        List<Tensor> a = first.inputs();
        List<Tensor> b = next.inputs();
        if (a.size() != b.size()) {
            return false;
        }
        // Both are in the order of the configuration.
        for (int i = 0; i < a.size(); i++) {
            if (!a.get(i).name().equals(b.get(i).name())) {
                return false;
            }
        }
        return true;
    }

    private static boolean joins(Shape a, Shape b) {
        if (a.rank() != b.rank()) {
            return false;
        }
        for (int i = 1; i < a.rank(); i++) {
            if (a.dimension(i) != b.dimension(i)) {
                return false;
            }
        }
        return true;
    }
}

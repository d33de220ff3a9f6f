package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.tensor.Tensor;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Tells the requests of a batch that no profile of the instance can serve, and which of the others go together. */
final class RequestCheck {
    private final String instance;
    private final String model;
    private final boolean batching;
    private final TensorPlan plan;
    private final List<EngineLayout.Profile> profiles;

    RequestCheck(String instance, String model, boolean batching, TensorPlan plan,
            Collection<EngineLayout.Profile> profiles) {
        this.instance = instance;
        this.model = model;
        this.batching = batching;
        this.plan = plan;
        this.profiles = List.copyOf(profiles);
    }

    /**
     * Returns what requests of one execution have in common: the shapes, and the values that are shapes.
     *
     * @throws InferenceException when no profile can serve the request
     */
    List<Dims> common(InferenceRequest request) {
        List<Dims> common = new ArrayList<>();
        for (TensorPlan.InputSlot slot : plan.inputs()) {
            if (slot.batchInput().isPresent()) {
                continue;
            }
            Tensor tensor = request.input(slot.name()).orElseThrow(
                    () -> InferenceException.invalid("request has no input '" + slot.name() + "'"));
            if (tensor.dataType() != slot.dataType()) {
                throw InferenceException.invalid("input '" + slot.name() + "' is " + tensor.dataType() + ", expected "
                        + slot.dataType());
            }
            if (slot.isRagged()) {
                continue;
            }
            if (slot.tensor().isShape()) {
                Dims values = ShapeValues.of(tensor, slot, batching, request.batchSize());
                checkValues(slot, values);
                common.add(values);
            } else {
                Dims dims = slot.tensor().unpadded(Dims.of(tensor.shape().toArray()));
                checkShape(slot, dims);
                checkSize(slot, dims, tensor);
                common.add(dims);
            }
        }
        return batching ? common.stream().map(RequestCheck::withoutRows).toList() : common;
    }

    private static Dims withoutRows(Dims dims) {
        long[] values = dims.toArray();
        if (values.length > 0) {
            values[0] = 0;
        }
        return Dims.of(values);
    }

    /** Only the engine tells how many bytes a tensor has whose layout is padded. */
    private void checkSize(TensorPlan.InputSlot slot, Dims dims, Tensor tensor) {
        long expected = slot.tensor().format().byteSize(dims.toArray(), slot.dataType());
        if (tensor.byteSize() != expected) {
            throw InferenceException.invalid("input byte size mismatch for input '" + slot.name() + "' for model '"
                    + model + "'. Expected " + expected + ", got " + tensor.byteSize());
        }
    }

    private void checkShape(TensorPlan.InputSlot slot, Dims dims) {
        checkAny(slot, profiles.stream().map(profile -> Optional.ofNullable(profile.shapes().get(slot.name()))
                .flatMap(range -> ProfileChoice.misfit(dims, range, batching ? 1 : 0))).toList(), "shape");
    }

    private void checkValues(TensorPlan.InputSlot slot, Dims values) {
        checkAny(slot, profiles.stream().map(profile -> Optional.ofNullable(profile.values().get(slot.name()))
                .flatMap(range -> ProfileChoice.misfitOfValues(values, range, batching ? 1 : 0))).toList(),
                "shape values");
    }

    private void checkAny(TensorPlan.InputSlot slot, List<Optional<String>> misfits, String what) {
        if (misfits.stream().allMatch(Optional::isPresent)) {
            throw InferenceException.invalid("request specifies invalid " + what + " for input '" + slot.name()
                    + "' for " + instance + ". Error details: " + misfits.getFirst().orElseThrow());
        }
    }
}

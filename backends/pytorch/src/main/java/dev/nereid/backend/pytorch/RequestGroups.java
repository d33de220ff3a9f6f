package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import dev.nereid.backend.api.batch.RequestIds;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Splits a batch in which requests leave out different inputs: one execution can't serve both. */
final class RequestGroups {
    private RequestGroups() {
    }

    /** Returns batches of requests with the same inputs; fails those that lack an input they must have. */
    static List<Batch> of(Batch batch, InputPlan inputs) {
        Map<Set<String>, List<InferenceRequest>> groups = new LinkedHashMap<>();
        for (InferenceRequest request : batch.requests()) {
            Optional<String> missing = inputs.slots().stream()
                    .filter(slot -> slot.batchInput().isEmpty() && !slot.isOptional()).map(InputPlan.Slot::name)
                    .filter(name -> request.input(name).isEmpty()).findFirst();
            if (missing.isPresent()) {
                request.fail(InferenceException.invalid(
                        RequestIds.prefix(request) + "request has no input '" + missing.get() + "'"));
                continue;
            }
            Set<String> present = inputs.slots().stream().map(InputPlan.Slot::name)
                    .filter(name -> request.input(name).isPresent()).collect(Collectors.toSet());
            groups.computeIfAbsent(present, _ -> new ArrayList<>()).add(request);
        }
        return groups.values().stream().<Batch>map(requests -> new Part(batch, List.copyOf(requests))).toList();
    }

    /** A part of a batch; the marks are those of the whole. */
    private record Part(Batch whole, List<InferenceRequest> requests) implements Batch {
        @Override
        public int rows() {
            return requests.stream().mapToInt(InferenceRequest::batchSize).sum();
        }

        @Override
        public void markComputeStart() {
            whole.markComputeStart();
        }

        @Override
        public void markComputeEnd() {
            whole.markComputeEnd();
        }
    }
}

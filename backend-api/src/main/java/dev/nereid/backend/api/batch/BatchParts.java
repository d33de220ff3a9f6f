package dev.nereid.backend.api.batch;

import dev.nereid.backend.api.Batch;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceRequest;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/** Executes a batch in parts, where not all of its requests can be executed together. */
public final class BatchParts {
    private BatchParts() {
    }

    /**
     * Executes requests together that have the same in common, such as their shapes or the inputs that they bring: one part
     * after the other, in the order of their first requests. What goes wrong with a part concerns its requests only. The
     * marks of a part are those of the whole batch.
     *
     * @param common returns what requests of one part have in common, by {@code equals}; where it throws an
     *     {@link InferenceException}, that request fails with it and is in no part
     * @param execution executes one part and answers its requests; where it throws an {@link InferenceException}, the
     *     requests of the part that have no answer yet fail with it
     */
    public static <K> void execute(Batch batch, Function<InferenceRequest, K> common, Consumer<Batch> execution) {
        for (Batch part : divide(batch, common)) {
            try {
                execution.accept(part);
            } catch (InferenceException e) {
                part.requests().stream().filter(request -> !request.isAnswered()).forEach(request -> request.fail(e));
            }
        }
    }

    private static <K> List<Batch> divide(Batch batch, Function<InferenceRequest, K> common) {
        Map<K, List<InferenceRequest>> parts = new LinkedHashMap<>();
        for (InferenceRequest request : batch.requests()) {
            try {
                parts.computeIfAbsent(common.apply(request), _ -> new ArrayList<>()).add(request);
            } catch (InferenceException e) {
                request.fail(new InferenceException(e.code(), RequestIds.prefix(request) + e.getMessage(), e));
            }
        }
        if (parts.size() == 1 && parts.values().iterator().next().size() == batch.requests().size()) {
            return List.of(batch);
        }
        return parts.values().stream().<Batch>map(requests -> new Part(batch, List.copyOf(requests))).toList();
    }

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

package dev.nereid.repository;

import dev.nereid.backend.api.InferenceException;
import java.util.Map;
import java.util.Set;

/**
 * What changed in the repositories since the last look.
 *
 * @param added models that are new
 * @param modified models that changed
 * @param unmodified models that did not
 * @param removed names of models that are gone
 * @param failed models that are there but cannot be used, with the reason; what was loaded of them stays
 * @param duplicates names that appear in two or more repositories
 */
public record PollResult(Map<String, PolledModel> added, Map<String, PolledModel> modified,
        Map<String, PolledModel> unmodified, Set<String> removed, Map<String, InferenceException> failed,
        Set<String> duplicates) {
    /** Copies maps and sets. */
    public PollResult {
        added = Map.copyOf(added);
        modified = Map.copyOf(modified);
        unmodified = Map.copyOf(unmodified);
        removed = Set.copyOf(removed);
        failed = Map.copyOf(failed);
        duplicates = Set.copyOf(duplicates);
    }
}

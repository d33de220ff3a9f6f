package dev.nereid.engine.model;

import dev.nereid.backend.api.InferenceException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which models wait for which right now, because an instance of the one called the other. A wait that would close a
 * circle is refused, so that models never wait for one another for ever. Whole models are compared, not instances: one
 * instance more or less must not decide whether a call works.
 *
 * <p>Threads: any; its own monitor guards everything and is held for moments only.
 */
final class WaitGraph {
    private final Map<String, Map<String, Integer>> waits = new HashMap<>();

    /**
     * Notes that a model waits for others, until {@link #end}.
     *
     * @throws InferenceException UNSUPPORTED when one of them waits for the model, directly or through others; nothing is
     *     noted then
     */
    synchronized void begin(String caller, Set<String> callees) {
        for (String callee : callees) {
            List<String> circle = new ArrayList<>(List.of(caller));
            if (leads(callee, caller, circle, new HashSet<>())) {
                throw InferenceException.unsupported("model '" + caller + "' can't call model '" + callee
                        + "': they would wait for each other (" + String.join(" -> ", circle) + ")");
            }
        }
        Map<String, Integer> ofCaller = waits.computeIfAbsent(caller, ignored -> new HashMap<>());
        callees.forEach(callee -> ofCaller.merge(callee, 1, Integer::sum));
    }

    /** Ends a wait. */
    synchronized void end(String caller, Set<String> callees) {
        Map<String, Integer> ofCaller = waits.getOrDefault(caller, new HashMap<>());
        callees.forEach(callee -> ofCaller.computeIfPresent(callee, (ignored, count) -> count == 1 ? null : count - 1));
        if (ofCaller.isEmpty()) {
            waits.remove(caller);
        }
    }

    /** Returns whether {@code from} is or waits for {@code to}, and leaves the way in {@code path}. */
    private boolean leads(String from, String to, List<String> path, Set<String> seen) {
        path.add(from);
        if (from.equals(to)) {
            return true;
        }
        if (seen.add(from)) {
            for (String next : waits.getOrDefault(from, Map.of()).keySet()) {
                if (leads(next, to, path, seen)) {
                    return true;
                }
            }
        }
        path.removeLast();
        return false;
    }
}

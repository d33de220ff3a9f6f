package dev.nereid.isolation.settings;

import dev.nereid.backend.api.InferenceException;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;

/**
 * The settings of backends that say where they work, apart from those that backends themselves read.
 *
 * @param own by backend name; the empty name holds what is meant for all
 * @param rest what is left for the backends
 */
public record IsolationSettings(Map<String, Map<String, String>> own, Map<String, Map<String, String>> rest) {
    static final String ISOLATION = "isolation";
    static final String LOAD_CHECK = "load-check";
    static final String GROUP = "isolation-group";
    static final String HANG_LIMIT = "hang-limit";
    static final String MEMORY_LIMIT = "memory-limit";
    static final String CRASH_LIMIT = "crash-limit";
    static final String RESTART_PAUSE = "restart-pause";
    static final String THREADS = "worker-threads";
    static final String HEAP = "worker-heap";
    static final String OPTIONS = "worker-options";

    private static final Set<String> KEYS = Set.of(ISOLATION, LOAD_CHECK, GROUP, HANG_LIMIT, MEMORY_LIMIT, CRASH_LIMIT,
            RESTART_PAUSE, THREADS, HEAP, OPTIONS);
    /** What a model may set for itself; the other settings decide what the process may do, and are the operator's. */
    private static final Map<String, String> PARAMETERS = Map.of("ISOLATION", ISOLATION, "ISOLATION_GROUP", GROUP,
            "ISOLATION_HANG_LIMIT", HANG_LIMIT, "ISOLATION_MEMORY_LIMIT", MEMORY_LIMIT, "ISOLATION_CRASH_LIMIT",
            CRASH_LIMIT, "ISOLATION_THREADS", THREADS);

    /**
     * Takes apart what {@code --backend-config} says, and checks the part that is meant here.
     *
     * @throws InferenceException INVALID_ARG with the setting and what was expected
     */
    public static IsolationSettings of(Map<String, Map<String, String>> all) {
        Map<String, Map<String, String>> own = new LinkedHashMap<>();
        Map<String, Map<String, String>> rest = new LinkedHashMap<>();
        all.forEach((backend, settings) -> settings.forEach((key, value) -> (KEYS.contains(key) ? own : rest)
                .computeIfAbsent(backend, ignored -> new LinkedHashMap<>()).put(key, value)));
        own.forEach((backend, settings) -> {
            WorkerSettings ignored = WorkerSettings.of(settings,
                    key -> "setting '" + key + "'" + (backend.isEmpty() ? "" : " of backend '" + backend + "'"));
        });
        return new IsolationSettings(own, rest);
    }

    /**
     * Returns where a model of a backend works.
     *
     * @param parameters the parameters of the model
     * @throws InferenceException INVALID_ARG with the parameter and what was expected
     */
    public WorkerSettings of(String backend, Map<String, String> parameters) {
        Map<String, String> merged = new LinkedHashMap<>(own.getOrDefault("", Map.of()));
        merged.putAll(own.getOrDefault(backend, Map.of()));
        Set<String> ofModel = new LinkedHashSet<>();
        for (Map.Entry<String, String> parameter : parameters.entrySet()) {
            String key = PARAMETERS.get(parameter.getKey());
            if (key != null) {
                merged.put(key, parameter.getValue());
                ofModel.add(key);
            } else if (parameter.getKey().startsWith("ISOLATION")) {
                throw InferenceException.invalid("parameter '" + parameter.getKey() + "' is not known, expected one of "
                        + String.join(", ", new java.util.TreeSet<>(PARAMETERS.keySet())));
            }
        }
        return WorkerSettings.of(merged, key -> ofModel.contains(key)
                ? "parameter '" + parameter(key) + "'"
                : "setting '" + key + "'");
    }

    private static String parameter(String key) {
        return PARAMETERS.entrySet().stream().filter(each -> each.getValue().equals(key)).map(Map.Entry::getKey)
                .findFirst().orElseThrow();
    }
}

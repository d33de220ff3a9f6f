package dev.nereid.server.http;

import java.util.Optional;

/**
 * What a path addresses. Paths are matched whole and case-sensitive; what is escaped in the parts between slashes is
 * decoded once, before anything looks at them, so that the decision about access and the choice of the handler can't see
 * two different paths.
 *
 * @param endpoint the endpoint
 * @param model the model's name; empty where the path names none
 * @param version the version's digits; empty where the path names none
 * @param repository the repository's name; empty where the path names none
 * @param region the shared memory region's name; empty where the path names none
 */
record Route(Endpoint endpoint, String model, String version, String repository, String region) {
    private static final String PREFIX = "/v2";

    /**
     * Returns what a path addresses; empty for nothing.
     *
     * @throws dev.nereid.backend.api.InferenceException INVALID_ARG for what is not escaped text
     */
    static Optional<Route> match(String path) {
        if (path.equals(PREFIX)) {
            return of(Endpoint.SERVER_METADATA, "");
        }
        if (!path.startsWith(PREFIX + "/")) {
            return Optional.empty();
        }
        String[] parts = path.substring(PREFIX.length() + 1).split("/", -1);
        for (int i = 0; i < parts.length; i++) {
            if (parts[i].isEmpty()) {
                return Optional.empty();
            }
            parts[i] = EscapedText.decode(parts[i]);
        }
        return switch (parts[0]) {
            case "health" -> health(parts);
            case "models" -> models(parts);
            case "repository" -> repository(parts);
            case "systemsharedmemory" -> sharedMemory(parts, Endpoint.SYSTEM_MEMORY_STATUS,
                    Endpoint.SYSTEM_MEMORY_REGISTER, Endpoint.SYSTEM_MEMORY_UNREGISTER);
            case "cudasharedmemory" -> sharedMemory(parts, Endpoint.CUDA_MEMORY_STATUS, Endpoint.CUDA_MEMORY_REGISTER,
                    Endpoint.CUDA_MEMORY_UNREGISTER);
            case "trace" -> parts.length == 2 && parts[1].equals("setting")
                    ? of(Endpoint.TRACE_SETTING, "")
                    : Optional.empty();
            case "logging" -> parts.length == 1 ? of(Endpoint.LOG_SETTING, "") : Optional.empty();
            default -> Optional.empty();
        };
    }

    private static Optional<Route> health(String[] parts) {
        if (parts.length != 2) {
            return Optional.empty();
        }
        return switch (parts[1]) {
            case "live" -> of(Endpoint.LIVE, "");
            case "ready" -> of(Endpoint.READY, "");
            default -> Optional.empty();
        };
    }

    private static Optional<Route> models(String[] parts) {
        if (parts.length < 2) {
            return Optional.empty();
        }
        if (parts.length == 2 && parts[1].equals("stats")) {
            return of(Endpoint.STATISTICS, "");
        }
        if (parts.length == 4 && parts[2].equals("trace") && parts[3].equals("setting")) {
            return of(Endpoint.TRACE_SETTING, parts[1]);
        }
        boolean hasVersion = parts.length >= 4 && parts[2].equals("versions");
        if (hasVersion && !parts[3].chars().allMatch(c -> c >= '0' && c <= '9')) {
            return Optional.empty();
        }
        int rest = hasVersion ? 4 : 2;
        if (parts.length > rest + 1) {
            return Optional.empty();
        }
        Optional<Endpoint> endpoint = parts.length == rest
                ? Optional.of(Endpoint.MODEL_METADATA)
                : switch (parts[rest]) {
                    case "ready" -> Optional.of(Endpoint.MODEL_READY);
                    case "config" -> Optional.of(Endpoint.MODEL_CONFIG);
                    case "stats" -> Optional.of(Endpoint.STATISTICS);
                    case "infer" -> Optional.of(Endpoint.INFER);
                    case "generate" -> Optional.of(Endpoint.GENERATE);
                    case "generate_stream" -> Optional.of(Endpoint.GENERATE_STREAM);
                    default -> Optional.<Endpoint>empty();
                };
        return endpoint.map(found -> new Route(found, parts[1], hasVersion ? parts[3] : "", "", ""));
    }

    private static Optional<Route> repository(String[] parts) {
        if (parts.length == 2 && parts[1].equals("index")) {
            return of(Endpoint.INDEX, "");
        }
        if (parts.length == 3 && parts[2].equals("index")) {
            return Optional.of(new Route(Endpoint.INDEX, "", "", parts[1], ""));
        }
        boolean isNamed = parts.length == 5 && parts[2].equals("models");
        if (!isNamed && !(parts.length == 4 && parts[1].equals("models"))) {
            return Optional.empty();
        }
        String model = parts[parts.length - 2];
        String repository = isNamed ? parts[1] : "";
        return switch (parts[parts.length - 1]) {
            case "load" -> Optional.of(new Route(Endpoint.LOAD, model, "", repository, ""));
            case "unload" -> Optional.of(new Route(Endpoint.UNLOAD, model, "", repository, ""));
            default -> Optional.empty();
        };
    }

    private static Optional<Route> sharedMemory(String[] parts, Endpoint status, Endpoint register,
            Endpoint unregister) {
        boolean hasRegion = parts.length == 4 && parts[1].equals("region");
        if (!hasRegion && parts.length != 2) {
            return Optional.empty();
        }
        String region = hasRegion ? parts[2] : "";
        return switch (parts[parts.length - 1]) {
            case "status" -> Optional.of(new Route(status, "", "", "", region));
            case "register" -> Optional.of(new Route(register, "", "", "", region));
            case "unregister" -> Optional.of(new Route(unregister, "", "", "", region));
            default -> Optional.empty();
        };
    }

    private static Optional<Route> of(Endpoint endpoint, String model) {
        return Optional.of(new Route(endpoint, model, "", "", ""));
    }
}

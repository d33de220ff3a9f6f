package dev.nereid.server.cli;

import dev.nereid.engine.EngineOptions.RateResource;
import dev.nereid.engine.EngineOptions.SchedulingOptions;
import dev.nereid.engine.HostPolicy;
import dev.nereid.engine.host.HostBinding;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** The flags, and the environment variables, that say how instances are created and share the machine. */
final class SchedulingFlags {
    private static final String PARALLEL_LOADING = "TRITON_PARALLEL_INSTANCE_LOADING";
    private static final String DELAY_SCHEDULER = "TRITONSERVER_DELAY_SCHEDULER";
    private static final String BACKLOG_DELAY_SCHEDULER = "TRITONSERVER_BACKLOG_DELAY_SCHEDULER";

    private SchedulingFlags() {
    }

    static SchedulingOptions options(Map<String, List<String>> values, Map<String, String> environment) {
        return new SchedulingOptions(rateLimit(values), hostPolicies(values.getOrDefault("host-policy", List.of())),
                parallelLoading(environment), requests(DELAY_SCHEDULER, environment),
                requests(BACKLOG_DELAY_SCHEDULER, environment));
    }

    private static int requests(String variable, Map<String, String> environment) {
        String value = environment.getOrDefault(variable, "0");
        try {
            int requests = Integer.parseInt(value);
            if (requests >= 0) {
                return requests;
            }
        } catch (NumberFormatException e) {
            // Told below, like a negative number.
        }
        throw new UsageException("the environment variable " + variable + " has value '" + value
                + "', expected how many requests wait before a model's first batch is formed");
    }

    private static Optional<List<RateResource>> rateLimit(Map<String, List<String>> values) {
        List<String> resources = values.getOrDefault("rate-limit-resource", List.of());
        String mode = values.getOrDefault("rate-limit", List.of("off")).getFirst();
        boolean isOn = switch (mode.toLowerCase(Locale.ROOT)) {
            case "execution_count" -> true;
            case "off" -> false;
            default -> throw new UsageException("--rate-limit has value '" + mode
                    + "', expected off or execution_count");
        };
        if (!isOn && !resources.isEmpty()) {
            throw new UsageException("--rate-limit-resource needs --rate-limit=execution_count");
        }
        return isOn ? Optional.of(resources.stream().map(SchedulingFlags::resource).toList()) : Optional.empty();
    }

    private static RateResource resource(String value) {
        String[] parts = value.split(":", -1);
        if (parts.length < 2 || parts.length > 3 || parts[0].isEmpty()) {
            throw new UsageException("--rate-limit-resource option format is '<resource_name>:<count>:<device>' or "
                    + "'<resource_name>:<count>'. Got " + value);
        }
        OptionalInt device = parts.length == 3
                ? OptionalInt.of(number(value, "device", parts[2]))
                : OptionalInt.empty();
        return new RateResource(parts[0], number(value, "count", parts[1]), device);
    }

    private static int number(String value, String what, String text) {
        try {
            int number = Integer.parseInt(text);
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Told below, like a negative number.
        }
        throw new UsageException(
                "--rate-limit-resource has value '" + value + "', expected a whole number of 0 or more "
                        + "as " + what + " instead of '" + text + "'");
    }

    private static Map<String, HostPolicy> hostPolicies(List<String> values) {
        Map<String, HostPolicy> policies = new LinkedHashMap<>();
        for (String value : values) {
            int comma = value.indexOf(',');
            int equals = value.indexOf('=', comma + 1);
            if (comma < 1 || equals < comma + 2 || equals == value.length() - 1) {
                throw new UsageException(
                        "--host-policy option format is '<policy name>,<setting>=<value>'. Got " + value);
            }
            HostPolicy before = policies.getOrDefault(value.substring(0, comma), HostPolicy.NONE);
            String setting = value.substring(equals + 1);
            policies.put(value.substring(0, comma), switch (value.substring(comma + 1, equals)) {
                case "numa-node" -> new HostPolicy(before.cores(), OptionalInt.of(node(value, setting)));
                case "cpu-cores" -> cores(setting, before);
                default -> throw new UsageException("--host-policy has value '" + value
                        + "', expected setting numa-node or cpu-cores");
            });
        }
        if (!policies.isEmpty() && !HostBinding.isSupported()) {
            throw new UsageException("--host-policy can't be used: threads can be bound to cores on Linux only");
        }
        return policies;
    }

    private static HostPolicy cores(String setting, HostPolicy before) {
        try {
            return new HostPolicy(Optional.of(setting), before.numaNode());
        } catch (IllegalArgumentException e) {
            throw new UsageException(String.valueOf(e.getMessage()));
        }
    }

    private static int node(String value, String setting) {
        try {
            int node = Integer.parseInt(setting);
            if (node >= 0 && node < 1024) {
                return node;
            }
        } catch (NumberFormatException e) {
            // Told below, like a number out of range.
        }
        throw new UsageException(
                "--host-policy has value '" + value + "', expected the number of a NUMA node instead of '"
                        + setting + "'");
    }

    private static Optional<Boolean> parallelLoading(Map<String, String> environment) {
        String value = environment.get(PARALLEL_LOADING);
        if (value == null) {
            return Optional.empty();
        }
        return switch (value) {
            case "1" -> Optional.of(true);
            case "0" -> Optional.of(false);
            default -> throw new UsageException("the environment variable " + PARALLEL_LOADING + " has value '" + value
                    + "', expected 0 or 1");
        };
    }
}

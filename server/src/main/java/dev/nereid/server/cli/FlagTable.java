package dev.nereid.server.cli;

import dev.nereid.server.cli.Flag.Kind;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Every flag of {@code nereid serve}: those that work, those of the reference that are known but not offered, and those
 * that have nothing to set here, each with the reason. The former are refused, the latter are told once when the server
 * starts.
 */
final class FlagTable {
    private static final Map<String, Flag> FLAGS = new LinkedHashMap<>();
    private static final Map<String, String> ALIASES = Map.of("model-store", "model-repository");
    private static final Map<String, Refusal> REFUSED = new LinkedHashMap<>();
    /** What has nothing to set here, and why. */
    private static final Map<String, String> MEANINGLESS = new LinkedHashMap<>();

    /** Why a known flag is not offered; with the one value, if any, that changes nothing and so is accepted. */
    private record Refusal(String reason, List<String> harmlessValues) {
    }

    private static final String SERVER = "Server";
    private static final String LOGGING = "Logging";
    private static final String REPOSITORY = "Model repository";
    private static final String TRACING = "Tracing";
    private static final String METRICS = "Metrics";
    private static final String BACKENDS = "Backends";
    private static final String SCHEDULING = "Scheduling";
    private static final String GPUS = "GPUs";
    private static final String LIMITS = "Limits";

    static {
        add("help", Kind.SWITCH, "", SERVER, "Print this text.");
        add("version", Kind.SWITCH, "", SERVER, "Print the version, and what it was built from.");
        add("id", Kind.TEXT, "triton", SERVER, "Name of this server in its metadata.");
        add("exit-timeout-secs", Kind.NUMBER, "30", SERVER, "How long to wait for running requests at shutdown.");
        add("exit-grace-secs", Kind.NUMBER, "0", SERVER,
                "How long to go on serving, not ready, before the shutdown begins, for routers to notice.");
        add("auth-token-file", Kind.TEXT, "", SERVER,
                "File with bearer tokens, one a line, of which HTTP and gRPC requests other than for health need one.");
        add("ready-file", Kind.TEXT, "", SERVER,
                "File that tells the ports, written when the server is ready and deleted when it ends.");
        add("exit-on-stall", Kind.BOOL, "false", SERVER, "Whether a server that can't serve any more ends.");
        add("log-verbose", Kind.LEVEL, "0", LOGGING, "Verbose log level; 0 is off.");
        add("log-info", Kind.BOOL, "true", LOGGING, "Whether to log information.");
        add("log-warning", Kind.BOOL, "true", LOGGING, "Whether to log warnings.");
        add("log-error", Kind.BOOL, "true", LOGGING, "Whether to log errors.");
        add("log-format", Kind.TEXT, "default", LOGGING, "Log format: default or ISO8601.");
        add("log-file", Kind.TEXT, "", LOGGING, "File to log to instead of standard error.");
        repeatable("model-repository", REPOSITORY, "Directory with models, or a place in object storage: "
                + "s3://<bucket>/<path>, gs://<bucket>/<path> or as://<account>/<container>/<path>. Alias: --model-store.");
        add("model-cache-directory", Kind.TEXT, "", REPOSITORY,
                "Directory that models from object storage are kept in, "
                        + "so that the next start finds them; default is a temporary one.");
        add("exit-on-error", Kind.BOOL, "true", REPOSITORY, "Whether to exit when a model fails to load at start.");
        add("disable-auto-complete-config", Kind.SWITCH, "", REPOSITORY,
                "Do not let backends complete model configurations.");
        add("strict-model-config", Kind.BOOL, "false", REPOSITORY,
                "Deprecated: true is --disable-auto-complete-config.");
        add("strict-readiness", Kind.BOOL, "true", REPOSITORY, "Whether a failed model makes the server not ready.");
        add("model-control-mode", Kind.TEXT, "none", REPOSITORY, "none, poll or explicit.");
        add("repository-poll-secs", Kind.NUMBER, "15", REPOSITORY, "How often to look for changes in poll mode.");
        repeatable("load-model", REPOSITORY, "Model to load at start in explicit mode; * for all.");
        add("model-namespacing", Kind.BOOL, "false", REPOSITORY,
                "Whether models of one name may be in several repositories.");
        add("model-config-name", Kind.TEXT, "", REPOSITORY, "Use configs/<name>.pbtxt of a model where it exists.");
        add("model-load-thread-count", Kind.NUMBER, "4", REPOSITORY, "How many models load at the same time.");
        add("model-load-retry-count", Kind.NUMBER, "0", REPOSITORY, "How often to retry a load that failed.");
        add("unload-timeout-secs", Kind.NUMBER, "300", REPOSITORY,
                "How long an unload waits for requests that their backend answers after the execution.");
        HttpFlags.add();
        add("allow-client-shm", Kind.BOOL, "false", HttpFlags.GROUP, "Whether clients may register shared memory.");
        GrpcFlags.add();
        repeatable("trace-config", TRACING,
                "mode=<triton|opentelemetry>, level=<TIMESTAMPS|TENSORS|OFF>, rate=<number>, "
                        + "count=<number>; triton,file=<path>, triton,log-frequency=<number>; opentelemetry,url=<address>, "
                        + "opentelemetry,resource=<key>=<value>, opentelemetry,bsp_max_queue_size=<number>, "
                        + "opentelemetry,bsp_schedule_delay=<milliseconds>, opentelemetry,bsp_max_export_batch_size=<number>.");
        add("trace-file", Kind.TEXT, "", TRACING, "Deprecated: --trace-config=triton,file=<path>.");
        repeatable("trace-level", TRACING, "Deprecated: --trace-config=level=<level>.");
        add("trace-rate", Kind.NUMBER, "", TRACING, "Deprecated: --trace-config=rate=<number>.");
        add("trace-count", Kind.NUMBER, "", TRACING, "Deprecated: --trace-config=count=<number>.");
        add("trace-log-frequency", Kind.NUMBER, "", TRACING,
                "Deprecated: --trace-config=triton,log-frequency=<number>.");
        add("allow-metrics", Kind.BOOL, "true", METRICS, "Whether to listen for metrics requests.");
        add("allow-cpu-metrics", Kind.BOOL, "true", METRICS, "Whether to report CPU metrics.");
        add("allow-gpu-metrics", Kind.BOOL, "true", METRICS, "Whether to report GPU metrics, where there are GPUs.");
        add("metrics-address", Kind.TEXT, "", METRICS, "Address to listen on for metrics; default is --http-address.");
        add("metrics-port", Kind.NUMBER, "8002", METRICS, "Port to listen on for metrics.");
        add("metrics-interval-ms", Kind.NUMBER, "2000", METRICS, "How often CPU and GPU metrics are sampled.");
        add(MetricsFlags.CERTIFICATE, Kind.TEXT, "", METRICS,
                "PEM file with the server's certificate, followed by those that it was issued with: metrics then use TLS.");
        add(MetricsFlags.KEY, Kind.TEXT, "", METRICS, "PEM file with its private key.");
        add(MetricsFlags.CLIENTS, Kind.TEXT, "", METRICS,
                "PEM file with who issues clients' certificates: clients then need one.");
        repeatable("metrics-config", METRICS,
                "<key>=<value>: counter_latencies (true), histogram_latencies (false), summary_latencies (false), "
                        + "summary_quantiles (0.5:0.05,0.9:0.01,0.95:0.001,0.99:0.001,0.999:0.001).");
        ConsoleFlags.add();
        add("backend-directory", Kind.TEXT, "", BACKENDS,
                "Directory with backends; default is the one that came with this server.");
        repeatable("backend-config", BACKENDS, "<backend>,<key>=<value>: a setting for a backend.");
        add("allow-model-backends", Kind.BOOL, "false", BACKENDS,
                "Whether a model's directory may hold the model's backend, <backend>.jar: code that runs in the server.");
        add("rate-limit", Kind.TEXT, "off", SCHEDULING,
                "execution_count: executions share resources between models; off.");
        CacheFlags.add(SCHEDULING);
        repeatable("rate-limit-resource", SCHEDULING,
                "<name>:<count>[:<device>]: how much there is of a resource; default is what the neediest instance needs.");
        repeatable("host-policy", SCHEDULING,
                "<name>,numa-node=<number> or <name>,cpu-cores=<from>-<to>[,...]: where the "
                        + "threads of instances run; names are cpu, model, gpu_<id>, and those of instance groups.");
        add("min-supported-compute-capability", Kind.TEXT, "7.5", GPUS, "GPUs below it are not used.");
        add("pinned-memory-pool-byte-size", Kind.NUMBER, "268435456", GPUS,
                "Size of the pool of page-locked memory for copies to GPUs, where there are GPUs; 0 for none.");
        repeatable("model-load-gpu-limit", GPUS,
                "<gpu>:<fraction>: no model is loaded on a GPU of whose memory more than that is in use.");
        add("max-inflight-bytes", Kind.NUMBER, "0", LIMITS,
                "Bound on the bytes of requests and responses in memory; 0 is half of the memory beside the Java heap and 384 MiB for the process itself.");
        add("max-queue-size", Kind.NUMBER, "4096", LIMITS,
                "How many requests may wait for one model version that sets no bound of its own.");
        add("max-response-bytes", Kind.NUMBER, "67108864", LIMITS,
                "Bound on the responses of one request to a decoupled model that a client has not read yet.");

        refuse("the SageMaker front end is not offered; a proxy that sends /ping to /v2/health/ready and /invocations to "
                + "/v2/models/<model>/infer does the same", "allow-sagemaker", "false", "0");
        refuse("the Vertex AI front end is not offered; the routes of a custom container, such as "
                + "/v2/health/ready and /v2/models/<model>/infer, can be named when the model is uploaded",
                "allow-vertex-ai", "false", "0");
        for (String flag : List.of("sagemaker-port", "sagemaker-safe-port-range", "sagemaker-thread-count")) {
            meansNothing("there is no SageMaker front end", flag);
        }
        for (String flag : List.of("vertex-ai-port", "vertex-ai-thread-count", "vertex-ai-default-model")) {
            meansNothing("there is no Vertex AI front end", flag);
        }
        meansNothing("the server copies nothing from one GPU to another", "enable-peer-access");
        for (String flag : List.of("cuda-memory-pool-byte-size", "cuda-virtual-address-size")) {
            meansNothing("the server keeps tensors in host memory; backends allocate on the GPU themselves", flag);
        }
        refuse("repository agents are not offered; the checksum agent is built in", "repoagent-directory",
                "/opt/tritonserver/repoagents");
        meansNothing("tensors are gathered on the thread that executes them", "buffer-manager-thread-count");
    }

    private FlagTable() {
    }

    static void add(String name, Kind kind, String defaultValue, String group, String help) {
        FLAGS.put(name, new Flag(name, kind, defaultValue, false, group, help));
    }

    static void repeatable(String name, String group, String help) {
        FLAGS.put(name, new Flag(name, Kind.TEXT, "", true, group, help));
    }

    static void refuse(String reason, String name, String... harmlessValues) {
        REFUSED.put(name, new Refusal(reason, List.of(harmlessValues)));
    }

    static void meansNothing(String reason, String name) {
        MEANINGLESS.put(name, reason);
    }

    /**
     * Returns the values of all flags that were given, by flag name.
     *
     * A flag that is given again overrules itself, unless it is repeatable. Names may be cut where what is left is clear.
     *
     * @throws UsageException when a flag is unknown, not offered, or lacks its value
     */
    static Map<String, List<String>> parse(List<String> arguments) {
        Map<String, List<String>> values = new LinkedHashMap<>();
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (!argument.startsWith("--")) {
                throw new UsageException("unexpected argument '" + argument + "', expected a flag such as "
                        + "--model-repository=<directory>");
            }
            int equals = argument.indexOf('=');
            String given = equals < 0 ? argument.substring(2) : argument.substring(2, equals);
            String name = fullName(given);
            Optional<String> inline = equals < 0 ? Optional.empty() : Optional.of(argument.substring(equals + 1));
            Optional<String> following = i + 1 < arguments.size() && !arguments.get(i + 1).startsWith("--")
                    ? Optional.of(arguments.get(i + 1))
                    : Optional.empty();
            if (REFUSED.containsKey(name)) {
                if (isRefused(name, inline.or(() -> following))) {
                    throw new UsageException("--" + name + " can't be used: " + REFUSED.get(name).reason());
                }
                i += inline.isEmpty() ? 1 : 0;
                continue;
            }
            if (MEANINGLESS.containsKey(name)) {
                i += inline.isEmpty() && following.isPresent() ? 1 : 0;
                values.put(name, new ArrayList<>());
                continue;
            }
            Flag flag = FLAGS.get(name);
            if (flag == null) {
                throw new UsageException("unknown flag --" + name + Suggestion.text(name, FLAGS.keySet(), "--"));
            }
            String value;
            if (flag.kind() == Kind.SWITCH) {
                value = inline.orElse("true");
            } else if (inline.isPresent()) {
                value = inline.get();
            } else if (following.isPresent()) {
                value = following.get();
                i++;
            } else {
                throw new UsageException("--" + name + " needs a value");
            }
            check(flag, value);
            List<String> all = values.computeIfAbsent(name, ignored -> new ArrayList<>());
            if (!flag.isRepeatable()) {
                all.clear();
            }
            all.add(value);
        }
        return values;
    }

    /** Returns the flag that is meant: the one of that name, or the only one whose name begins like that. */
    private static String fullName(String given) {
        if (ALIASES.containsKey(given) || FLAGS.containsKey(given) || REFUSED.containsKey(given)
                || MEANINGLESS.containsKey(given)) {
            return ALIASES.getOrDefault(given, given);
        }
        TreeSet<String> meant = new TreeSet<>();
        for (Collection<String> names : List.of(FLAGS.keySet(), REFUSED.keySet(), MEANINGLESS.keySet(),
                ALIASES.keySet())) {
            names.stream().filter(name -> name.startsWith(given))
                    .forEach(name -> meant.add(ALIASES.getOrDefault(name, name)));
        }
        if (given.isEmpty() || meant.isEmpty()) {
            return given;
        }
        if (meant.size() > 1) {
            throw new UsageException("--" + given + " is ambiguous, it may mean --" + String.join(", --", meant));
        }
        return meant.first();
    }

    private static boolean isRefused(String name, Optional<String> value) {
        Refusal refusal = REFUSED.get(name);
        return refusal == null || value.isEmpty() || !refusal.harmlessValues().contains(value.get());
    }

    private static void check(Flag flag, String value) {
        switch (flag.kind()) {
            case SWITCH, BOOL -> bool(flag.name(), value);
            case NUMBER -> number(flag.name(), value);
            case LEVEL -> level(flag.name(), value);
            case TEXT -> {
            }
        }
    }

    static boolean bool(String name, String value) {
        return switch (value.toLowerCase(Locale.ROOT)) {
            case "true", "1" -> true;
            case "false", "0" -> false;
            default -> throw new UsageException("--" + name + " has value '" + value + "', expected true or false");
        };
    }

    static long number(String name, String value) {
        try {
            return Long.parseLong(value);
        } catch (NumberFormatException e) {
            throw new UsageException("--" + name + " has value '" + value + "', expected a whole number");
        }
    }

    static long level(String name, String value) {
        return switch (value.toLowerCase(Locale.ROOT)) {
            case "true" -> 1;
            case "false" -> 0;
            default -> number(name, value);
        };
    }

    /** Returns the names of all flags that work. */
    static Set<String> names() {
        return FLAGS.keySet();
    }

    /** Returns the names of all flags that are known and refused, but for values that change nothing. */
    static Set<String> refusedNames() {
        return REFUSED.keySet();
    }

    /** Returns the names of all flags that have nothing to set here. */
    static Set<String> meaninglessNames() {
        return MEANINGLESS.keySet();
    }

    /** Returns what is to be told of the flags that were given and have nothing to set here. */
    static List<String> notices(Set<String> given) {
        return given.stream().filter(MEANINGLESS::containsKey)
                .map(name -> "--" + name + " changes nothing: " + MEANINGLESS.get(name)).toList();
    }

    static Flag get(String name) {
        Flag flag = FLAGS.get(name);
        if (flag == null) {
            throw new IllegalArgumentException("no flag --" + name);
        }
        return flag;
    }

    /** Returns the usage text. */
    static String usage() {
        StringBuilder text = new StringBuilder("Usage: nereid serve --model-repository=<directory> [flags]\n");
        String group = "";
        for (Flag flag : FLAGS.values()) {
            if (!flag.group().equals(group)) {
                group = flag.group();
                text.append('\n').append(group).append('\n');
            }
            String left = "--" + flag.name() + switch (flag.kind()) {
                case SWITCH -> "";
                case BOOL -> "=<true|false>";
                case NUMBER, LEVEL -> "=<number>";
                case TEXT -> "=<text>";
            };
            text.append("  ").append(left)
                    .append(left.length() < 38 ? " ".repeat(38 - left.length()) : "\n" + " ".repeat(40));
            text.append(flag.help());
            if (!flag.defaultValue().isEmpty()) {
                text.append(" Default: ").append(flag.defaultValue()).append('.');
            }
            text.append(flag.isRepeatable() ? " Repeatable.\n" : "\n");
        }
        return text.toString();
    }
}

package dev.nereid.server.cli;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.BackendSource;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.EngineOptions;
import dev.nereid.engine.EngineOptions.BackendOptions;
import dev.nereid.engine.EngineOptions.LimitOptions;
import dev.nereid.engine.EngineOptions.LoadOptions;
import dev.nereid.engine.EngineOptions.RemoteOptions;
import dev.nereid.engine.EngineOptions.RepositoryOptions;
import dev.nereid.engine.EngineOptions.StatisticsOptions;
import dev.nereid.engine.model.Repositories;
import dev.nereid.isolation.settings.IsolationSettings;
import dev.nereid.server.ProcessMemory;
import dev.nereid.server.ServerOptions;
import dev.nereid.server.console.ConsoleOptions;
import dev.nereid.server.grpc.GrpcOptions;
import dev.nereid.server.http.HttpOptions;
import dev.nereid.server.metrics.MetricsOptions;
import dev.nereid.server.tls.TlsOptions;
import dev.nereid.server.v2.Category;
import dev.nereid.server.v2.LogOptions;
import dev.nereid.server.v2.Restriction;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import java.util.stream.Stream;

/** Turns the arguments of {@code nereid serve} into options. */
public final class CommandLine {
    private final Map<String, List<String>> values;
    private final Map<String, String> environment;

    private CommandLine(Map<String, List<String>> values, Map<String, String> environment) {
        this.values = values;
        this.environment = environment;
    }

    /**
     * Parses the arguments.
     *
     * @throws UsageException when they are wrong
     */
    public static CommandLine parse(List<String> arguments) {
        return parse(arguments, System.getenv());
    }

    static CommandLine parse(List<String> arguments, Map<String, String> environment) {
        return new CommandLine(FlagTable.parse(arguments), environment);
    }

    /** Returns the usage text. */
    public static String usage() {
        return FlagTable.usage();
    }

    /** Returns whether the usage text was asked for. */
    public boolean asksForHelp() {
        return values.containsKey("help");
    }

    /** Returns whether the version was asked for. */
    public boolean asksForVersion() {
        return values.containsKey("version");
    }

    /** Returns what is to be told of the flags that were given and have nothing to set here. */
    List<String> notices() {
        return FlagTable.notices(values.keySet());
    }

    /** Returns the number of carrier threads that was asked for. */
    public Optional<Integer> carrierThreads() {
        return values.containsKey("http-thread-count")
                ? Optional.of((int) number("http-thread-count", 1, 4096))
                : Optional.empty();
    }

    /**
     * Returns the file that is to tell that the server is ready.
     *
     * @throws UsageException when there can't be such a file
     */
    Optional<Path> readyFile() {
        if (!values.containsKey("ready-file")) {
            return Optional.empty();
        }
        String value = text("ready-file");
        Path file = path("ready-file", value).toAbsolutePath();
        Path directory = file.getParent();
        if (value.isBlank() || directory == null || Files.isDirectory(file)) {
            throw new UsageException("--ready-file has value '" + value + "', expected the path of a file");
        }
        if (!Files.isDirectory(directory)) {
            throw new UsageException("--ready-file has value '" + value + "', but there is no directory " + directory);
        }
        return Optional.of(file);
    }

    /**
     * Returns the options.
     *
     * @param defaultBackends the backend directory that came with the server
     * @throws UsageException when flags contradict each other or a value is out of range
     */
    public ServerOptions options(Path defaultBackends) {
        if (all("model-repository").isEmpty()) {
            throw new UsageException("--model-repository must be specified");
        }
        return optionsForDoctor(defaultBackends);
    }

    /** Returns the options, with or without a repository. */
    ServerOptions optionsForDoctor(Path defaultBackends) {
        HttpOptions http = HttpFlags.options(this);
        GrpcOptions grpc = GrpcFlags.options(this);
        MetricsOptions metrics = metrics();
        ConsoleOptions console = ConsoleFlags.options(this);
        checkPorts(List.of(new Port("http-port", http.isEnabled(), http.address(), http.port()),
                new Port("grpc-port", grpc.isEnabled(), grpc.address(), grpc.port()),
                new Port("metrics-port", metrics.isEnabled(), metrics.address(), metrics.port()),
                new Port(ConsoleFlags.PORT, console.isEnabled(), console.address(), console.port())));
        return new ServerOptions(text("id"), Duration.ofSeconds(number("exit-timeout-secs", 0, Integer.MAX_VALUE)),
                bool("exit-on-error"), engine(defaultBackends, console), http, grpc, metrics, logging(),
                TraceFlags.options(values, environment, defaultBackends.resolveSibling("tracing")),
                bool("exit-on-stall"),
                bool("allow-client-shm"), console, Duration.ofSeconds(number("exit-grace-secs", 0, Integer.MAX_VALUE)),
                authTokens());
    }

    private Optional<Path> authTokens() {
        String file = text("auth-token-file");
        return file.isEmpty() ? Optional.empty() : Optional.of(path("auth-token-file", file));
    }

    /** Where a listener will be. */
    private record Port(String flag, boolean isOpened, String address, int number) {
        boolean isSameAs(Port other) {
            return isOpened && other.isOpened && number != 0 && number == other.number
                    && (address.equals(other.address) || isForAll(address) || isForAll(other.address));
        }

        private static boolean isForAll(String address) {
            return address.equals("0.0.0.0") || address.equals("::");
        }
    }

    /** One port given twice would be noticed only when it is opened the second time, after all models are loaded. */
    private static void checkPorts(List<Port> ports) {
        for (int i = 0; i < ports.size(); i++) {
            for (Port other : ports.subList(0, i)) {
                if (other.isSameAs(ports.get(i))) {
                    throw new UsageException("--" + other.flag + " and --" + ports.get(i).flag + " are both "
                            + other.number + ", expected two different ports");
                }
            }
        }
    }

    private EngineOptions engine(Path defaultBackends, ConsoleOptions console) {
        List<Path> repositories = all("model-repository").stream().filter(value -> !Repositories.isRemote(value))
                .map(value -> path("model-repository", value)).toList();
        boolean exitsOnError = bool("exit-on-error");
        for (Path repository : repositories) {
            if (exitsOnError && !Files.isDirectory(repository)) {
                throw new UsageException("--model-repository=" + repository
                        + ": repository path is not a valid directory");
            }
        }
        ControlMode mode = controlMode();
        List<String> startup = all("load-model");
        if (!startup.isEmpty() && mode != ControlMode.EXPLICIT) {
            throw new UsageException("--load-model needs --model-control-mode=explicit");
        }
        if (startup.contains("*") && startup.size() > 1) {
            throw new UsageException("Wildcard model name '*' must be the ONLY startup model if specified at all.");
        }
        String configName = text("model-config-name");
        if (values.containsKey("model-config-name") && configName.isBlank()) {
            throw new UsageException("--model-config-name must not be empty");
        }
        if (configName.chars().anyMatch(Character::isWhitespace)) {
            throw new UsageException("--model-config-name has value '" + configName + "', expected no blanks");
        }
        long inFlight = number("max-inflight-bytes", 0, Long.MAX_VALUE);
        String backendDirectory = text("backend-directory");
        Path backends = backendDirectory.isEmpty() ? defaultBackends : path("backend-directory", backendDirectory);
        boolean allowsModelBackends = bool("allow-model-backends");
        Map<String, Map<String, String>> backendSettings = backendSettings();
        if (!allowsModelBackends) {
            checkBackendNames(backendSettings.keySet(), backends);
        }
        boolean loadsAll = mode != ControlMode.EXPLICIT || startup.contains("*");
        return new EngineOptions(
                new RepositoryOptions(repositories, remote(defaultBackends.resolveSibling("locations")),
                        !bool("disable-auto-complete-config") && !bool("strict-model-config"), configName,
                        !exitsOnError, bool("model-namespacing")),
                new LoadOptions(mode, startup.contains("*") ? List.of() : startup, loadsAll,
                        Duration.ofSeconds(number("repository-poll-secs", 1, Integer.MAX_VALUE)),
                        bool("strict-readiness"), (int) number("model-load-thread-count", 1, 1024),
                        (int) number("model-load-retry-count", 0, Integer.MAX_VALUE),
                        Duration.ofSeconds(number("unload-timeout-secs", 0, Integer.MAX_VALUE))),
                new BackendOptions(List.of(BackendSource.directory(backends)), backendSettings, allowsModelBackends),
                new LimitOptions(inFlight == 0 ? ProcessMemory.now().inFlightBytes() : inFlight,
                        (int) number("max-queue-size", 1, Integer.MAX_VALUE),
                        number("max-response-bytes", 1, Long.MAX_VALUE)),
                SchedulingFlags.options(values, environment), GpuFlags.options(values, environment),
                CacheFlags.options(values, defaultBackends.resolveSibling("caches")),
                new StatisticsOptions(bool("allow-metrics")
                        && MetricsFlags.of(all(MetricsFlags.CONFIG)).showsSummaries(), console.isEnabled()));
    }

    private RemoteOptions remote(Path plugins) {
        String cache = text("model-cache-directory");
        if (values.containsKey("model-cache-directory") && cache.isBlank()) {
            throw new UsageException("--model-cache-directory must not be empty");
        }
        return new RemoteOptions(all("model-repository").stream().filter(Repositories::isRemote).toList(),
                cache.isEmpty() ? Optional.empty() : Optional.of(path("model-cache-directory", cache)),
                Optional.of(plugins), List.of(), environment);
    }

    private ControlMode controlMode() {
        String mode = text("model-control-mode");
        return switch (mode.toLowerCase(Locale.ROOT)) {
            case "none" -> ControlMode.NONE;
            case "poll" -> ControlMode.POLL;
            case "explicit" -> ControlMode.EXPLICIT;
            default -> throw new UsageException("--model-control-mode has value '" + mode
                    + "', expected none, poll or explicit");
        };
    }

    /** Settings for a backend that isn't there are for one that is misspelt, or that was forgotten. */
    private static void checkBackendNames(Set<String> named, Path directory) {
        Set<String> there = new TreeSet<>();
        try (Stream<Path> entries = Files.list(directory)) {
            entries.map(entry -> String.valueOf(entry.getFileName()))
                    .forEach(name -> there.add(name.endsWith(".jar") ? name.substring(0, name.length() - 4) : name));
        } catch (IOException | UncheckedIOException e) {
            // Models that need backends will tell.
            return;
        }
        for (String name : named) {
            if (!name.isEmpty() && !there.contains(name)) {
                throw new UsageException("--backend-config names backend '" + name + "', expected one of those in '"
                        + directory + "': " + String.join(", ", there) + Suggestion.text(name, there, ""));
            }
        }
    }

    private Map<String, Map<String, String>> backendSettings() {
        Map<String, Map<String, String>> settings = new LinkedHashMap<>();
        for (String value : all("backend-config")) {
            int comma = value.indexOf(',');
            int equals = value.indexOf('=', Math.max(0, comma));
            // A setting without a backend's name is meant for all of them, as in the reference.
            if (equals < 0 || (comma > equals && comma >= 0)) {
                throw new UsageException("--backend-config has value '" + value
                        + "', expected <backend>,<key>=<value>");
            }
            String backend = comma < 0 ? "" : value.substring(0, comma);
            String key = value.substring(comma + 1, equals);
            if (key.isEmpty()) {
                throw new UsageException("--backend-config has value '" + value
                        + "', expected <backend>,<key>=<value>");
            }
            settings.computeIfAbsent(backend, ignored -> new LinkedHashMap<>()).put(key, value.substring(equals + 1));
        }
        try {
            IsolationSettings ignored = IsolationSettings.of(settings);
        } catch (InferenceException e) {
            throw new UsageException("--backend-config: " + e.getMessage());
        }
        return settings;
    }

    /** Returns a regular expression; empty where none is given. */
    Optional<String> pattern(String name) {
        String pattern = text(name);
        if (pattern.isEmpty()) {
            return Optional.empty();
        }
        try {
            Pattern.compile(pattern);
        } catch (PatternSyntaxException e) {
            throw new UsageException("--" + name + " has value '" + pattern
                    + "', which is not a regular expression: " + e.getDescription());
        }
        return Optional.of(pattern);
    }

    /** Returns what is restricted, by category. */
    Map<String, Restriction> restrictions(String name, String header) {
        Map<String, Restriction> restrictions = new LinkedHashMap<>();
        for (String value : all(name)) {
            int colon = value.indexOf(':');
            int equals = value.indexOf('=', colon + 1);
            if (colon < 1 || equals < colon + 2) {
                throw new UsageException("--" + name + " has value '" + value
                        + "', expected <category>[,<category>...]:<" + header + ">=<value>");
            }
            Restriction restriction = new Restriction(value.substring(colon + 1, equals), value.substring(equals + 1));
            for (String category : value.substring(0, colon).split(",", -1)) {
                if (!Category.names().contains(category)) {
                    throw new UsageException("--" + name + " names category '" + category + "', expected one of "
                            + String.join(", ", Category.names()));
                }
                if (restrictions.putIfAbsent(category, restriction) != null) {
                    throw new UsageException("--" + name + " names category '" + category + "' twice");
                }
            }
        }
        return restrictions;
    }

    private MetricsOptions metrics() {
        MetricsFlags config = MetricsFlags.of(all(MetricsFlags.CONFIG));
        String address = text("metrics-address");
        return new MetricsOptions(bool("allow-metrics"),
                address("metrics-address", address.isEmpty() ? text("http-address") : address),
                (int) number("metrics-port", 0, 65535),
                Duration.ofMillis(number("metrics-interval-ms", 1, Integer.MAX_VALUE)), bool("allow-cpu-metrics"),
                bool("allow-gpu-metrics"),
                config.countsLatencies(), config.showsHistograms(),
                config.showsSummaries() ? config.quantiles() : List.of(),
                tls(MetricsFlags.CERTIFICATE, MetricsFlags.KEY, MetricsFlags.CLIENTS));
    }

    private LogOptions logging() {
        String format = text("log-format");
        if (!format.equals("default") && !format.equals("ISO8601")) {
            throw new UsageException("--log-format has value '" + format + "', expected default or ISO8601");
        }
        String file = text("log-file");
        return new LogOptions(bool("log-info"), bool("log-warning"), bool("log-error"),
                (int) number("log-verbose", 0, Integer.MAX_VALUE), format.equals("ISO8601"),
                file.isEmpty() ? Optional.empty() : Optional.of(path("log-file", file)));
    }

    /** The reference writes IPv6 addresses as {@code ipv6:[::1]}. */
    static String address(String flag, String value) {
        String address = value.startsWith("ipv6:") ? value.substring("ipv6:".length()) : value;
        if (address.isBlank()) {
            throw new UsageException("--" + flag + " must not be empty");
        }
        return address.startsWith("[") && address.endsWith("]")
                ? address.substring(1, address.length() - 1)
                : address;
    }

    /** Returns whether a flag was given. */
    boolean isGiven(String name) {
        return values.containsKey(name);
    }

    List<String> all(String name) {
        return values.getOrDefault(name, List.of());
    }

    String text(String name) {
        List<String> given = all(name);
        return given.isEmpty() ? FlagTable.get(name).defaultValue() : given.getLast();
    }

    boolean bool(String name) {
        String value = text(name);
        return !value.isEmpty() && FlagTable.bool(name, value);
    }

    long number(String name, long min, long max) {
        long value = FlagTable.get(name).kind() == Flag.Kind.LEVEL
                ? FlagTable.level(name, text(name))
                : FlagTable.number(name, text(name));
        if (value < min || value > max) {
            throw new UsageException("--" + name + " has value " + value + ", expected " + min + " to " + max);
        }
        return value;
    }

    /**
     * Returns where a listener's key and certificates are, by the flags that name them; empty where none does.
     *
     * @throws UsageException when only a part of what is needed is given
     */
    Optional<TlsOptions> tls(String certificate, String key, String clients) {
        boolean hasCertificate = !text(certificate).isEmpty();
        boolean hasKey = !text(key).isEmpty();
        boolean hasClients = !text(clients).isEmpty();
        if (!hasCertificate && !hasKey && !hasClients) {
            return Optional.empty();
        }
        if (!hasCertificate || !hasKey) {
            throw new UsageException("--" + (hasCertificate ? certificate : hasKey ? key : clients) + " needs --"
                    + (hasCertificate ? key : certificate));
        }
        return Optional.of(new TlsOptions(path(certificate, text(certificate)), path(key, text(key)),
                hasClients ? Optional.of(path(clients, text(clients))) : Optional.empty()));
    }

    /** Returns a time that is given in milliseconds; empty for 0. */
    Optional<Duration> millisUnlessZero(String name) {
        long millis = number(name, 0, Integer.MAX_VALUE);
        return millis == 0 ? Optional.empty() : Optional.of(Duration.ofMillis(millis));
    }

    static Path path(String flag, String value) {
        try {
            return Path.of(value);
        } catch (InvalidPathException e) {
            throw new UsageException("--" + flag + " has value '" + value + "', which is not a path");
        }
    }
}

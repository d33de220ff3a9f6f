package dev.nereid.benchmark;

import dev.nereid.benchmark.BenchOptions.Extra;
import dev.nereid.benchmark.BenchOptions.Generator;
import dev.nereid.server.cli.UsageException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Turns the arguments of {@code nereid bench} into options. */
final class BenchCommandLine {
    private static final String SOAK_MINUTES = "--soak-minutes";
    private static final Set<String> NAMES = Set.of("--cases", "--connections", "--rounds", "--seconds", "--warm-up",
            "--output", "--java-options", "--generator", "--against", "--against-grpc", "--against-pid",
            "--write-models", SOAK_MINUTES);
    private static final int MAX_CONNECTIONS = 10_000;
    private static final int MAX_PORT = 65_535;
    private static final Pattern LOCAL = Pattern
            .compile("(?:http://)?(?:localhost|127\\.0\\.0\\.1):([1-9][0-9]{0,4})/?");

    private final Map<String, List<String>> values = new HashMap<>();
    private boolean isQuick;

    private BenchCommandLine() {
    }

    /** Returns the options; nothing when only the usage text was asked for. */
    static Optional<BenchOptions> parse(List<String> arguments) {
        BenchCommandLine line = new BenchCommandLine();
        for (String argument : arguments) {
            if (argument.equals("--help") || argument.equals("-h")) {
                return Optional.empty();
            }
            line.add(argument);
        }
        return Optional.of(line.options());
    }

    private void add(String argument) {
        if (argument.equals("--quick")) {
            isQuick = true;
            return;
        }
        int equals = argument.indexOf('=');
        String name = equals < 0 ? argument : argument.substring(0, equals);
        if (!NAMES.contains(name)) {
            throw new UsageException("unknown argument '" + argument + "'");
        }
        if (equals < 0) {
            throw new UsageException(name + " needs a value: " + name + "=...");
        }
        List<String> given = values.computeIfAbsent(name, ignored -> new ArrayList<>());
        if (!given.isEmpty() && !name.equals("--java-options")) {
            throw new UsageException(name + " is given more than once");
        }
        given.add(argument.substring(equals + 1));
    }

    private BenchOptions options() {
        EnumSet<BenchCase> cases = EnumSet.noneOf(BenchCase.class);
        EnumSet<Extra> extras = EnumSet.noneOf(Extra.class);
        for (String name : text("--cases", "all").split(",", -1)) {
            choose(name.strip(), cases, extras);
        }
        Optional<OtherServer.Address> against = against();
        if (against.isPresent() && against.get().grpcPort() == 0 && cases.removeIf(BenchCase::isGrpc) && cases.isEmpty()
                && extras.isEmpty()) {
            throw new UsageException("cases over gRPC need --against-grpc=localhost:<port>, too");
        }
        return new BenchOptions(cases, extras, connections(), rounds(),
                seconds("--seconds", isQuick ? "0.5" : "2", 0.01, 3600),
                seconds("--warm-up", isQuick ? "1" : "15", 0, 3600), output(),
                javaOptions(extras), generator(), against, path("--write-models"), soakMinutes(extras), isQuick);
    }

    private static void choose(String name, Set<BenchCase> cases, Set<Extra> extras) {
        List<BenchCase> found = name.equals("all") ? List.of(BenchCase.values()) : BenchCase.find(name);
        List<Extra> more = Arrays.stream(Extra.values())
                .filter(extra -> (name.equals("all") && extra != Extra.SOAK) || name.equals(id(extra))).toList();
        if (found.isEmpty() && more.isEmpty()) {
            throw new UsageException("there is no case '" + name + "', expected some of " + names());
        }
        cases.addAll(found);
        extras.addAll(more);
    }

    private static String id(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private static String names() {
        return Stream.concat(Stream.concat(Stream.of("all"), Arrays.stream(BenchCase.values()).map(BenchCase::id)),
                Arrays.stream(Extra.values()).map(BenchCommandLine::id)).collect(Collectors.joining(", "));
    }

    private Optional<List<Integer>> connections() {
        if (!values.containsKey("--connections")) {
            return isQuick ? Optional.of(List.of(1, 16)) : Optional.empty();
        }
        List<Integer> counts = new ArrayList<>();
        for (String text : text("--connections", "").split(",", -1)) {
            try {
                int count = Integer.parseInt(text.strip());
                if (count >= 1 && count <= MAX_CONNECTIONS) {
                    counts.add(count);
                    continue;
                }
            } catch (NumberFormatException e) {
                // Answered below, like a number that is out of range.
            }
            throw wrong("--connections", "numbers from 1 to " + MAX_CONNECTIONS + " with commas between");
        }
        return Optional.of(List.copyOf(counts));
    }

    private int rounds() {
        String text = text("--rounds", isQuick ? "3" : "5");
        if (text.matches("[1-9][0-9]{0,2}")) {
            return Integer.parseInt(text);
        }
        throw wrong("--rounds", "a whole number from 1 to 999");
    }

    private List<String> javaOptions(Set<Extra> extras) {
        List<String> given = values.getOrDefault("--java-options", List.of(""));
        if (given.size() > 1 && extras.contains(Extra.SOAK)) {
            throw new UsageException("a soak is of one server: --java-options can be given once with it");
        }
        return given;
    }

    private double soakMinutes(Set<Extra> extras) {
        if (values.containsKey(SOAK_MINUTES) && !extras.contains(Extra.SOAK)) {
            throw new UsageException(SOAK_MINUTES + " says more of the case soak, which is not among --cases");
        }
        return number(SOAK_MINUTES, "5", 0.05, 1440, "minutes");
    }

    private Path output() {
        return path("--output").orElseGet(() -> Path.of("nereid-bench"));
    }

    private Optional<Path> path(String name) {
        try {
            return values.containsKey(name) ? Optional.of(Path.of(text(name, ""))) : Optional.empty();
        } catch (InvalidPathException e) {
            throw wrong(name, "a directory");
        }
    }

    private Optional<OtherServer.Address> against() {
        if (!values.containsKey("--against")) {
            for (String name : List.of("--against-grpc", "--against-pid")) {
                if (values.containsKey(name)) {
                    throw new UsageException(name + " says more of --against, which is not given");
                }
            }
            return Optional.empty();
        }
        int grpcPort = values.containsKey("--against-grpc") ? port("--against-grpc") : 0;
        return Optional.of(new OtherServer.Address(port("--against"), grpcPort, pid()));
    }

    /** Returns the port of an address on this machine: elsewhere the two would not share the processors they are compared on. */
    private int port(String name) {
        Matcher matcher = LOCAL.matcher(text(name, ""));
        if (matcher.matches() && Integer.parseInt(matcher.group(1)) <= MAX_PORT) {
            return Integer.parseInt(matcher.group(1));
        }
        throw wrong(name, "localhost:<port>; the other server has to run on this machine");
    }

    private OptionalLong pid() {
        if (!values.containsKey("--against-pid")) {
            return OptionalLong.empty();
        }
        String text = text("--against-pid", "");
        if (text.matches("[1-9][0-9]{0,9}")) {
            return OptionalLong.of(Long.parseLong(text));
        }
        throw wrong("--against-pid", "the number of its process");
    }

    private Generator generator() {
        String name = text("--generator", "perf");
        return Arrays.stream(Generator.values()).filter(each -> id(each).equals(name)).findFirst()
                .orElseThrow(() -> wrong("--generator", "perf, wrk or auto"));
    }

    private double seconds(String name, String otherwise, double min, double max) {
        return number(name, otherwise, min, max, "seconds");
    }

    private double number(String name, String otherwise, double min, double max, String unit) {
        try {
            double number = Double.parseDouble(text(name, otherwise));
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a number that is out of range.
        }
        throw wrong(name, "a number of " + unit + " from " + min + " to " + max);
    }

    private String text(String name, String otherwise) {
        List<String> given = values.getOrDefault(name, List.of());
        return given.isEmpty() ? otherwise : given.getFirst();
    }

    private UsageException wrong(String name, String expected) {
        return new UsageException(name + " has value '" + text(name, "") + "', expected " + expected);
    }

    /** Returns the usage text. */
    static String usage() {
        return """
                Usage: nereid bench [arguments]
                       nereid bench --jmh=<regex> [arguments of JMH]

                Starts a server, a bare HTTP handler (for gRPC: a bare gRPC server) as the yardstick and a load generator, each in a process of its own,
                loads server and handler in turns, and writes a table, bench.csv, figures.csv and bench.html;
                a soak writes soak.csv, too.

                  --cases=<a,b>          what to measure; a prefix such as 'identity' stands for all that begin with it. Default: all, which
                                         leaves out the soak
                                         %s
                  --connections=<n,n>    connections that send at once. Default: 1,4,16,64, fewer for large models and requests
                  --rounds=<n>           turns of each side, of which the median counts. Default: 5
                  --seconds=<s>          length of a turn; three times that for models that compute for long. Default: 2
                  --warm-up=<s>          how long each side is loaded before the first turn of a case. Default: 15
                  --soak-minutes=<m>     how long the soak lasts. Default: 5
                  --generator=<name>     perf (our own), wrk, or auto: wrk where it is installed. Default: perf
                  --java-options=<text>  options of the server's JVM. Given more than once, a server for each is measured in turns
                  --output=<directory>   where to write the files. Default: nereid-bench
                  --against=<address>    another server of this protocol, at localhost:<port>, as the yardstick; it serves, or loads when
                                         asked to, the models that --write-models wrote
                  --against-grpc=<address>
                                         where it listens for gRPC; cases over gRPC are left out otherwise
                  --against-pid=<n>      its process, whose processor time and memory are then shown, too
                  --write-models=<dir>   write the models of the cases into an empty directory, and measure nothing
                  --quick                3 rounds of half a second at 1 and 16 connections, warm-up 1 s
                  --jmh=<regex>          instead: run those of the JMH benchmarks whose names match; '-prof gc' shows allocations
                  --help                 print this text

                Ends with 0 when all was measured, no request failed and no answer of a soak was wrong, 1 otherwise, 2 when the arguments are wrong.
                """
                .formatted(names());
    }
}

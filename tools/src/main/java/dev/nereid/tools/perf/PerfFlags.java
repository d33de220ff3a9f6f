package dev.nereid.tools.perf;

import dev.nereid.server.cli.Suggestion;
import dev.nereid.server.cli.UsageException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The flags of {@code nereid perf} and the values that were given. Names and meanings are those of perf_analyzer. */
final class PerfFlags {
    /**
     * A flag.
     *
     * @param name its long name, without dashes
     * @param shortName its one letter; empty for none
     * @param value what its value is called in the usage text; empty for a flag without one
     * @param defaultValue as text; empty for none
     * @param isRepeatable whether it may be given more than once
     * @param help one sentence
     */
    private record Flag(String name, String shortName, String value, String defaultValue, boolean isRepeatable,
            String help) {
        String shown() {
            return (shortName.isEmpty() ? "    " : "-" + shortName + ", ") + "--" + name
                    + (value.isEmpty() ? "" : "=<" + value + ">");
        }
    }

    private static final List<Flag> FLAGS = List.of(
            new Flag("model-name", "m", "name", "", false, "Model to measure."),
            new Flag("model-version", "x", "version", "", false,
                    "Version of the model; without it the one that the server chooses."),
            new Flag("url", "u", "host:port", "", false,
                    "Server's endpoint. Default: localhost:8000, for gRPC localhost:8001."),
            new Flag("protocol", "i", "http|grpc", "http", false, "Protocol."),
            new Flag("streaming", "", "", "", false,
                    "Any number of responses to a request: gRPC streams, with http server-sent events."),
            new Flag("header", "H", "name: value", "", true, "Header to send with every request."),
            new Flag("batch-size", "b", "n", "1", false, "Inferences in each request."),
            new Flag("input-data", "", "random|zero|file", "random", false,
                    "Elements of the inputs; a file is JSON: {\"data\": [{\"INPUT0\": [...]}]}."),
            new Flag("shape", "", "input:n,n", "", true, "Shape, without the batch, of an input of any size."),
            new Flag("string-length", "", "n", "128", false, "Length of random strings."),
            new Flag("input-tensor-format", "", "binary|json", "binary", false, "How inputs are sent."),
            new Flag("output-tensor-format", "", "binary|json", "binary", false, "How outputs are wanted."),
            new Flag("concurrency-range", "", "start:end:step", "1", false,
                    "Requests under way at any time (closed loop); end and step may be left out."),
            new Flag("request-rate-range", "", "start:end:step", "", false,
                    "Requests per second (open loop), instead of a concurrency."),
            new Flag("request-distribution", "", "constant|poisson", "constant", false,
                    "Times at which requests are sent at a rate."),
            new Flag("max-connections", "", "n", "512", false, "Requests under way at most when sent at a rate."),
            new Flag("sequence-length", "", "n", "20", false,
                    "Requests of a sequence, for models that take sequences."),
            new Flag("sequence-length-variation", "", "percent", "20", false,
                    "How far the length of a sequence may be from that."),
            new Flag("sequence-id-range", "", "start:end", "1:4294967295", false,
                    "Ids of sequences; end may be left out."),
            new Flag("num-of-sequences", "", "n", "4", false,
                    "Sequences under way when sent at a rate; else as many as requests."),
            new Flag("random-seed", "", "n", "0", false, "What random inputs and times depend on."),
            new Flag("warmup-request-count", "", "n", "100", false,
                    "Requests before the first window of each level; no longer than all its windows would take."),
            new Flag("measurement-interval", "p", "ms", "2000", false, "Length of a measurement window."),
            new Flag("stability-percentage", "s", "percent", "10", false,
                    "How far throughput and latency of three windows may be from their mean."),
            new Flag("max-trials", "r", "n", "10", false, "Windows at most, stable or not."),
            new Flag("percentile", "", "percent", "", false,
                    "Latency that must be stable; without it the mean latency."),
            new Flag("verify", "", "", "", false, "Compare the outputs of each answer with those of the first."),
            new Flag("latency-report-file", "f", "file.csv", "", false, "Write the results as CSV."),
            new Flag("html", "", "file.html", "", false, "Write the results as a page with plots."),
            new Flag("help", "h", "", "", false, "Print this text."));

    private static final String ALWAYS = "leave it out, the requests that are under way are the same";
    private static final String NO_SEARCH = "give a range and read the table";
    /** What scripts for perf_analyzer are likely to contain. */
    private static final Map<String, String> NOT_OFFERED = Map.ofEntries(Map.entry("--async", ALWAYS),
            Map.entry("-a", ALWAYS), Map.entry("--sync", ALWAYS),
            Map.entry("-v", "leave it out, all columns are always shown"),
            Map.entry("--verbose", "leave it out, all columns are always shown"),
            Map.entry("--verbose-csv", "leave it out, all columns are always written"),
            Map.entry("--measurement-mode", "windows have a length in time, -p"),
            Map.entry("--measurement-request-count", "windows have a length in time, -p"),
            Map.entry("--request-count", "windows have a length in time, -p"),
            Map.entry("--latency-threshold", NO_SEARCH), Map.entry("-l", NO_SEARCH),
            Map.entry("--binary-search", NO_SEARCH),
            Map.entry("--request-intervals", "use --request-rate-range"),
            Map.entry("--serial-sequences", "leave it out, a sequence never has two requests under way"),
            Map.entry("--shared-memory", "tensors are sent in the requests"),
            Map.entry("--collect-metrics", "the server's part comes from its statistics"),
            Map.entry("--service-kind", "the server speaks the v2 protocol"));

    private final Map<String, List<String>> values;

    private PerfFlags(Map<String, List<String>> values) {
        this.values = values;
    }

    /** Parses the arguments. */
    static PerfFlags parse(List<String> arguments) {
        Map<String, List<String>> values = new LinkedHashMap<>();
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (!argument.startsWith("-")) {
                throw new UsageException("unexpected argument '" + argument + "', expected a flag such as -m <model>");
            }
            int equals = argument.startsWith("--") ? argument.indexOf('=') : -1;
            String given = equals < 0 ? argument : argument.substring(0, equals);
            Flag flag = find(given).orElseThrow(() -> unknown(given));
            String value = equals < 0 ? "" : argument.substring(equals + 1);
            if (!flag.value().isEmpty() && equals < 0) {
                i++;
                if (i == arguments.size()) {
                    throw new UsageException(given + " needs a value: " + flag.shown().strip());
                }
                value = arguments.get(i);
            } else if (flag.value().isEmpty() && equals >= 0) {
                throw new UsageException(given + " takes no value");
            }
            List<String> all = values.computeIfAbsent(flag.name(), ignored -> new ArrayList<>());
            if (!all.isEmpty() && !flag.isRepeatable()) {
                throw new UsageException("--" + flag.name() + " is given more than once");
            }
            all.add(value);
        }
        return new PerfFlags(values);
    }

    private static UsageException unknown(String given) {
        String reason = NOT_OFFERED.get(given);
        return new UsageException(reason == null
                ? "unknown flag " + given + Suggestion.text(given.replaceFirst("^-+", ""),
                        FLAGS.stream().map(Flag::name).toList(), "--")
                : given + " of perf_analyzer is not offered: " + reason);
    }

    private static Optional<Flag> find(String given) {
        return FLAGS.stream().filter(flag -> given.equals("--" + flag.name())
                || (!flag.shortName().isEmpty() && given.equals("-" + flag.shortName()))).findFirst();
    }

    /** Returns whether the flag was given. */
    boolean has(String name) {
        return values.containsKey(name);
    }

    /** Returns all values that were given. */
    List<String> all(String name) {
        return values.getOrDefault(name, List.of());
    }

    /** Returns the value, or the default. */
    String text(String name) {
        List<String> given = all(name);
        return given.isEmpty()
                ? find("--" + name).map(Flag::defaultValue).orElseThrow()
                : given.getFirst();
    }

    /** Returns a whole number. */
    long number(String name, long min, long max) {
        String text = text(name);
        try {
            long number = Long.parseLong(text);
            if (number >= min && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a number that is out of range.
        }
        throw new UsageException(
                "--" + name + " has value '" + text + "', expected a whole number from " + min + " to " + max);
    }

    /** Returns a percentage of 0 or more. */
    double percentage(String name) {
        String text = text(name);
        try {
            double number = Double.parseDouble(text);
            if (number >= 0 && number <= 100) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a number that is out of range.
        }
        throw new UsageException("--" + name + " has value '" + text + "', expected a number from 0 to 100");
    }

    /** Returns a number that need not be whole. */
    double real(String name, double max) {
        String text = text(name);
        try {
            double number = Double.parseDouble(text);
            if (number > 0 && number <= max) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Answered below, like a number that is out of range.
        }
        throw new UsageException("--" + name + " has value '" + text + "', expected a number above 0, at most "
                + ResultColumns.trimmed(max));
    }

    /** Returns whether the value is the first of two words. */
    boolean isFirst(String name, String first, String second) {
        String text = text(name);
        if (!text.equals(first) && !text.equals(second)) {
            throw new UsageException(
                    "--" + name + " has value '" + text + "', expected " + first + " or " + second);
        }
        return text.equals(first);
    }

    /** Returns the usage text. */
    static String usage() {
        StringBuilder text = new StringBuilder("Usage: nereid perf -m <model> [flags]\n\n");
        for (Flag flag : FLAGS) {
            String shown = flag.shown();
            text.append("  ").append(shown)
                    .append(shown.length() < 44 ? " ".repeat(44 - shown.length()) : "\n" + " ".repeat(46))
                    .append(flag.help());
            if (!flag.defaultValue().isEmpty()) {
                text.append(" Default: ").append(flag.defaultValue()).append('.');
            }
            text.append(flag.isRepeatable() ? " Repeatable.\n" : "\n");
        }
        return text
                .append("\nEnds with 0 when every request succeeded, 1 when one failed or nothing could be measured, "
                        + "2 when the flags are wrong.\n")
                .toString();
    }
}

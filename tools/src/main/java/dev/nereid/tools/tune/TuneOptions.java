package dev.nereid.tools.tune;

import dev.nereid.server.cli.UsageException;
import dev.nereid.tools.perf.InputSource;
import dev.nereid.tools.perf.Shapes;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What {@code nereid tune} was asked for.
 *
 * @param model the model's name
 * @param directory the model's directory
 * @param backends the directory with backends
 * @param settings settings by backend
 * @param goal what the settings are for
 * @param time how long it may take
 * @param source where the elements of inputs come from; empty for the warm-up sample or random ones
 * @param shapes of inputs of any size
 * @param report where to write the report; empty for nowhere
 * @param applies whether the configuration is written
 */
record TuneOptions(String model, Path directory, Path backends, Map<String, Map<String, String>> settings, Goal goal,
        Duration time, Optional<InputSource> source, Shapes shapes, Optional<Path> report, boolean applies) {
    static final String USAGE = """
            Usage: nereid tune <model> --model-repository=<directory> --latency-p99=<time> [flags]

              --model-repository=<directory>  Where the model is.
              --latency-p99=<time>            99 of 100 requests are to be answered within that: 20ms, 1.5s, 500us.
              --max-throughput                Find what answers the most requests within it. The default.
              --rate=<number>                 Find what answers so many requests a second soonest, instead.
              --time=<time>                   How long to take. Default: 5m.
              --apply                         Write the configuration; the old one stays beside it.
              --input-data=<random|zero|file> What requests hold; by default the model's warm-up sample, else random
                                              elements. A file is that of 'nereid perf'.
              --shape=<input>:<n>,<n>         Shape, without the batch, of an input of any size. Repeatable.
              --html=<file>                   Write a report with plots.
              --backend-directory=<directory> Directory with backends; those that come with the server by default.
              --backend-config=<backend>,<key>=<value>
                                              A setting for a backend. Repeatable.
              --help                          Print this text.

            Ends with 0 when today's settings are as good as any, or others were written; 3 when others are better and
            were not written; 1 when nothing keeps the goal or the model fails; 2 when the arguments are wrong.
            """;
    private static final Pattern TIME = Pattern.compile("(\\d+(?:\\.\\d+)?)(us|ms|s|m|h)");

    /** Parses the arguments. Nothing is returned when only the usage text was asked for. */
    static Optional<TuneOptions> parse(List<String> arguments, Optional<Path> defaultBackends) {
        Map<String, List<String>> values = new HashMap<>();
        List<String> models = new ArrayList<>();
        for (String argument : arguments) {
            if (!argument.startsWith("-")) {
                models.add(argument);
                continue;
            }
            int equals = argument.indexOf('=');
            String name = equals < 0 ? argument : argument.substring(0, equals);
            boolean isSwitch = switch (name) {
                case "--help", "-h", "--apply", "--max-throughput" -> true;
                case "--model-repository", "--latency-p99", "--rate", "--time", "--input-data", "--shape", "--html",
                        "--backend-directory", "--backend-config" ->
                    false;
                default -> throw new UsageException("unknown flag " + name);
            };
            if (isSwitch != equals < 0) {
                throw new UsageException(name + (isSwitch ? " takes no value" : " needs a value: " + name + "=..."));
            }
            values.computeIfAbsent(name, _ -> new ArrayList<>()).add(argument.substring(equals + 1));
        }
        if (values.containsKey("--help") || values.containsKey("-h")) {
            return Optional.empty();
        }
        if (models.size() != 1) {
            throw new UsageException(models.isEmpty() ? "name the model to tune" : "name one model only");
        }
        return Optional.of(of(models.getFirst(), values, defaultBackends));
    }

    private static TuneOptions of(String model, Map<String, List<String>> values, Optional<Path> defaultBackends) {
        Path repository = path("--model-repository", required("--model-repository", values));
        Path directory = repository.resolve(model);
        if (!Files.isDirectory(directory)) {
            throw new UsageException("there is no model '" + model + "' in " + repository);
        }
        if (values.containsKey("--rate") && values.containsKey("--max-throughput")) {
            throw new UsageException("--rate and --max-throughput are different goals, give one of them");
        }
        Path backends = last("--backend-directory", values).map(value -> path("--backend-directory", value))
                .or(() -> defaultBackends)
                .orElseThrow(() -> new UsageException("--backend-directory is missing"));
        if (!Files.isDirectory(backends)) {
            throw new UsageException("--backend-directory: " + backends + " is no directory");
        }
        return new TuneOptions(model, directory, backends, settings(values.getOrDefault("--backend-config", List.of())),
                new Goal(time("--latency-p99", required("--latency-p99", values)), rate(values)),
                time("--time", last("--time", values).orElse("5m")), source(values),
                shapes(values.getOrDefault("--shape", List.of())),
                last("--html", values).map(TuneOptions::report), values.containsKey("--apply"));
    }

    private static Optional<String> last(String name, Map<String, List<String>> values) {
        return Optional.ofNullable(values.get(name)).map(List::getLast);
    }

    private static String required(String name, Map<String, List<String>> values) {
        return last(name, values).orElseThrow(() -> new UsageException(name + " is missing"));
    }

    /** Looks before minutes are spent. */
    private static Path report(String value) {
        Path file = path("--html", value).toAbsolutePath();
        Path directory = file.getParent();
        if (directory == null || !Files.isDirectory(directory)) {
            throw new UsageException("--html: there is no directory " + directory);
        }
        return file;
    }

    private static Path path(String name, String value) {
        try {
            return Path.of(value);
        } catch (InvalidPathException e) {
            throw new UsageException(name + " has value '" + value + "', which is not a path");
        }
    }

    static Duration time(String name, String value) {
        Matcher matcher = TIME.matcher(value);
        if (!matcher.matches() || Double.parseDouble(matcher.group(1)) == 0) {
            throw new UsageException(name + " has value '" + value + "', expected a time such as 20ms, 1.5s or 5m");
        }
        double nanos = Double.parseDouble(matcher.group(1)) * switch (matcher.group(2)) {
            case "us" -> 1e3;
            case "ms" -> 1e6;
            case "s" -> 1e9;
            case "m" -> 60e9;
            default -> 3600e9;
        };
        return Duration.ofNanos(Math.round(nanos));
    }

    private static OptionalDouble rate(Map<String, List<String>> values) {
        Optional<String> value = last("--rate", values);
        if (value.isEmpty()) {
            return OptionalDouble.empty();
        }
        try {
            double rate = Double.parseDouble(value.get());
            if (rate > 0 && rate < 1e7) {
                return OptionalDouble.of(rate);
            }
        } catch (NumberFormatException e) {
            // Answered below.
        }
        throw new UsageException("--rate has value '" + value.get() + "', expected a number of requests a second");
    }

    private static Optional<InputSource> source(Map<String, List<String>> values) {
        return last("--input-data", values).map(value -> switch (value) {
            case "random" -> new InputSource.Random(0);
            case "zero" -> new InputSource.Zero();
            default -> new InputSource.File(path("--input-data", value));
        });
    }

    private static Shapes shapes(List<String> values) {
        Map<String, List<Long>> shapes = new HashMap<>();
        for (String value : values) {
            int colon = value.lastIndexOf(':');
            try {
                List<Long> sizes = new ArrayList<>();
                for (String size : value.substring(colon + 1).split(",", -1)) {
                    sizes.add(Long.valueOf(size));
                }
                if (colon > 0 && sizes.stream().allMatch(size -> size >= 0)) {
                    shapes.put(value.substring(0, colon), sizes);
                    continue;
                }
            } catch (NumberFormatException e) {
                // Answered below.
            }
            throw new UsageException("--shape has value '" + value + "', expected <input>:<n>,<n>");
        }
        return new Shapes(shapes);
    }

    private static Map<String, Map<String, String>> settings(List<String> values) {
        Map<String, Map<String, String>> settings = new HashMap<>();
        for (String value : values) {
            int comma = value.indexOf(',');
            int equals = value.indexOf('=', Math.max(0, comma));
            if (comma < 1 || equals < comma + 2) {
                throw new UsageException(
                        "--backend-config has value '" + value + "', expected <backend>,<key>=<value>");
            }
            settings.computeIfAbsent(value.substring(0, comma), _ -> new HashMap<>())
                    .put(value.substring(comma + 1, equals), value.substring(equals + 1));
        }
        return settings;
    }
}

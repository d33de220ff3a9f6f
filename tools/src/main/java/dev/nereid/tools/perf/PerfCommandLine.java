package dev.nereid.tools.perf;

import dev.nereid.server.cli.UsageException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** Turns the arguments of {@code nereid perf} into options. */
final class PerfCommandLine {
    private static final int HTTP_PORT = 8000;
    private static final int GRPC_PORT = 8001;
    private static final int MAX_LEVELS = 1000;
    private static final long MAX_ID = 4_294_967_295L;
    private static final int MAX_CONCURRENCY = 100_000;

    private final PerfFlags flags;

    private PerfCommandLine(PerfFlags flags) {
        this.flags = flags;
    }

    /** Returns the options; nothing when only the usage text was asked for. */
    static Optional<PerfOptions> parse(List<String> arguments) {
        PerfFlags flags = PerfFlags.parse(arguments);
        return flags.has("help") ? Optional.empty() : Optional.of(new PerfCommandLine(flags).options());
    }

    private PerfOptions options() {
        if (flags.text("model-name").isBlank()) {
            throw new UsageException("-m must name the model");
        }
        String version = flags.has("model-version")
                ? Long.toString(flags.number("model-version", 0, Long.MAX_VALUE))
                : "";
        PerfOptions.Exchange exchange = exchange();
        int port = exchange.isGrpc() ? GRPC_PORT : HTTP_PORT;
        return new PerfOptions(flags.text("model-name"), version,
                Target.parse(flags.has("url") ? flags.text("url") : "localhost", port, flags.all("header")), exchange,
                inputs(), sweep(), measurement(), new PerfOptions.Reports(path("latency-report-file"), path("html")));
    }

    private PerfOptions.Exchange exchange() {
        boolean isGrpc = flags.isFirst("protocol", "grpc", "http");
        boolean isStreaming = flags.has("streaming");
        List<String> formats = List.of("input-tensor-format", "output-tensor-format");
        for (String flag : formats) {
            if (isGrpc && flags.text(flag).equals("json")) {
                throw new UsageException("--" + flag + "=json is for HTTP; over gRPC tensors are always sent as bytes");
            }
            if (isStreaming && !isGrpc && flags.has(flag) && flags.text(flag).equals("binary")) {
                throw new UsageException(
                        "--" + flag + "=binary can't be had with --streaming over HTTP, whose events are "
                                + "JSON; use -i grpc");
            }
        }
        if (isStreaming && flags.has("verify")) {
            throw new UsageException("--verify compares single answers; it can't be had with --streaming");
        }
        boolean asksForSequences = List
                .of("sequence-length", "sequence-length-variation", "sequence-id-range", "num-of-sequences").stream()
                .anyMatch(flags::has);
        if (flags.has("num-of-sequences") && !flags.has("request-rate-range")) {
            throw new UsageException("--num-of-sequences needs --request-rate-range; with --concurrency-range as many "
                    + "sequences are under way as requests");
        }
        long[] ids = sequenceIds();
        return new PerfOptions.Exchange(isGrpc, isStreaming, asksForSequences,
                new SequencePool.Settings((int) flags.number("sequence-length", 1, Integer.MAX_VALUE / 2),
                        flags.percentage("sequence-length-variation"), ids[0], ids[1],
                        flags.number("random-seed", Long.MIN_VALUE, Long.MAX_VALUE)),
                (int) flags.number("num-of-sequences", 1, MAX_CONCURRENCY));
    }

    private long[] sequenceIds() {
        String text = flags.text("sequence-id-range");
        String[] parts = text.split(":", -1);
        try {
            long start = Long.parseLong(parts[0]);
            long end = parts.length > 1 ? Long.parseLong(parts[1]) : MAX_ID;
            if (parts.length <= 2 && start > 0 && end >= start) {
                return new long[]{start, end};
            }
        } catch (NumberFormatException e) {
            // Answered below, like a range that is none.
        }
        throw new UsageException("--sequence-id-range has value '" + text
                + "', expected start or start:end, whole numbers above 0 and an end not before the start");
    }

    private PerfOptions.Inputs inputs() {
        String data = flags.text("input-data");
        InputSource source = switch (data) {
            case "random" -> new InputSource.Random(flags.number("random-seed", Long.MIN_VALUE, Long.MAX_VALUE));
            case "zero" -> new InputSource.Zero();
            default -> new InputSource.File(path("input-data").orElseThrow());
        };
        Map<String, List<Long>> shapes = new LinkedHashMap<>();
        for (String shape : flags.all("shape")) {
            int colon = shape.lastIndexOf(':');
            if (colon < 1) {
                throw wrongShape(shape);
            }
            shapes.put(shape.substring(0, colon), sizes(shape, shape.substring(colon + 1)));
        }
        return new PerfOptions.Inputs(source, new Shapes(shapes),
                (int) flags.number("string-length", 0, 1 << 20),
                flags.isFirst("input-tensor-format", "binary", "json"),
                flags.isFirst("output-tensor-format", "binary", "json"), flags.has("verify"));
    }

    private static List<Long> sizes(String shape, String text) {
        List<Long> sizes = new ArrayList<>();
        for (String size : text.split(",", -1)) {
            try {
                sizes.add(Long.parseUnsignedLong(size.strip()));
            } catch (NumberFormatException e) {
                throw wrongShape(shape);
            }
        }
        return sizes;
    }

    private static UsageException wrongShape(String shape) {
        return new UsageException("--shape has value '" + shape + "', expected an input's name and its sizes, such as "
                + "INPUT0:3,224,224");
    }

    private PerfOptions.Sweep sweep() {
        boolean isOpenLoop = flags.has("request-rate-range");
        if (isOpenLoop && flags.has("concurrency-range")) {
            throw new UsageException("--concurrency-range and --request-rate-range exclude each other");
        }
        for (String flag : List.of("request-distribution", "max-connections")) {
            if (!isOpenLoop && flags.has(flag)) {
                throw new UsageException("--" + flag + " needs --request-rate-range");
            }
        }
        List<LoadLevel> levels = new ArrayList<>();
        if (isOpenLoop) {
            range("request-rate-range").forEach(rate -> levels.add(new LoadLevel.RequestRate(rate)));
        } else {
            for (double concurrency : range("concurrency-range")) {
                if (concurrency != Math.rint(concurrency) || concurrency > MAX_CONCURRENCY) {
                    throw wrongRange("concurrency-range");
                }
                levels.add(new LoadLevel.Concurrency((int) concurrency));
            }
        }
        return new PerfOptions.Sweep(levels, !flags.isFirst("request-distribution", "constant", "poisson"),
                flags.number("random-seed", Long.MIN_VALUE, Long.MAX_VALUE),
                (int) flags.number("max-connections", 1, 10_000));
    }

    /** Returns the numbers of {@code start:end:step}, the end included. */
    private List<Double> range(String name) {
        String[] parts = flags.text(name).split(":", -1);
        if (parts.length > 3) {
            throw wrongRange(name);
        }
        double[] numbers = {0, 0, 1};
        for (int i = 0; i < parts.length; i++) {
            try {
                numbers[i] = Double.parseDouble(parts[i]);
            } catch (NumberFormatException e) {
                throw wrongRange(name);
            }
        }
        double end = parts.length == 1 ? numbers[0] : numbers[1];
        boolean isGood = numbers[0] > 0 && end >= numbers[0] && numbers[2] > 0
                && (end - numbers[0]) / numbers[2] < MAX_LEVELS;
        if (!isGood) {
            throw wrongRange(name);
        }
        List<Double> levels = new ArrayList<>();
        for (int i = 0; numbers[0] + i * numbers[2] <= end + 1e-9; i++) {
            levels.add(numbers[0] + i * numbers[2]);
        }
        return levels;
    }

    private UsageException wrongRange(String name) {
        return new UsageException("--" + name + " has value '" + flags.text(name)
                + "', expected start, start:end or start:end:step, with numbers above 0 and an end not before the start");
    }

    private LevelRunner.Settings measurement() {
        OptionalDouble percentile = flags.has("percentile")
                ? OptionalDouble.of(flags.real("percentile", 100))
                : OptionalDouble.empty();
        return new LevelRunner.Settings((int) flags.number("batch-size", 1, Integer.MAX_VALUE),
                (int) flags.number("warmup-request-count", 0, Integer.MAX_VALUE),
                Duration.ofMillis(flags.number("measurement-interval", 1, 86_400_000)),
                (int) flags.number("max-trials", 1, 10_000),
                new StabilityRule(flags.real("stability-percentage", 1000), percentile));
    }

    private Optional<Path> path(String name) {
        if (!flags.has(name)) {
            return Optional.empty();
        }
        try {
            return Optional.of(Path.of(flags.text(name)));
        } catch (InvalidPathException e) {
            throw new UsageException("--" + name + " has value '" + flags.text(name) + "', which is no path");
        }
    }
}

package dev.nereid.server.cli;

import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.server.trace.OpenTelemetryOptions;
import dev.nereid.server.trace.TraceOptions;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The flags of tracing: {@code --trace-config} and the ones before it. */
final class TraceFlags {
    private static final String CONFIG = "trace-config";
    private static final String MODE = "triton,";

    private final Set<TraceLevel> levels = EnumSet.noneOf(TraceLevel.class);
    private int rate = TraceSettings.DEFAULT.rate();
    private int count = TraceSettings.DEFAULT.count();
    private int logFrequency = TraceSettings.DEFAULT.logFrequency();
    private final OpenTelemetryFlags collector = new OpenTelemetryFlags();
    private Optional<Path> file = Optional.empty();
    private String mode = "triton";

    private TraceFlags() {
    }

    /**
     * Returns what the flags say, and where they say nothing, the environment.
     *
     * @param plugins where the plugin is that brings traces to a collector
     * @throws UsageException when they contradict each other or a value is wrong
     */
    static TraceOptions options(Map<String, List<String>> values, Map<String, String> environment, Path plugins) {
        TraceFlags flags = new TraceFlags();
        List<String> settings = new ArrayList<>(values.getOrDefault(CONFIG, List.of()));
        values.getOrDefault("trace-file", List.of()).forEach(value -> settings.add(MODE + "file=" + value));
        values.getOrDefault("trace-level", List.of()).forEach(value -> settings.add("level=" + value));
        values.getOrDefault("trace-rate", List.of()).forEach(value -> settings.add("rate=" + value));
        values.getOrDefault("trace-count", List.of()).forEach(value -> settings.add("count=" + value));
        values.getOrDefault("trace-log-frequency", List.of())
                .forEach(value -> settings.add(MODE + "log-frequency=" + value));
        settings.forEach(flags::set);
        return flags.mode.equals(OpenTelemetryOptions.NAME)
                ? flags.collected(environment, plugins)
                : flags.checked();
    }

    private TraceOptions collected(Map<String, String> environment, Path plugins) {
        if (file.isPresent() || logFrequency != TraceSettings.DEFAULT.logFrequency()) {
            throw new UsageException("--" + CONFIG + ": settings of mode triton are given, but the mode is "
                    + OpenTelemetryOptions.NAME + "; remove them, or mode=" + OpenTelemetryOptions.NAME);
        }
        return new TraceOptions(new TraceSettings(levels, rate, count, logFrequency), Optional.empty(),
                Optional.of(collector.options(environment, plugins)));
    }

    private TraceOptions checked() {
        TraceSettings settings = new TraceSettings(levels, rate, count, logFrequency);
        if (collector.isGiven()) {
            throw new UsageException("--" + CONFIG + ": settings of mode " + OpenTelemetryOptions.NAME
                    + " are given, but the mode is triton; add --" + CONFIG + "=mode=" + OpenTelemetryOptions.NAME);
        }
        if (settings.isOn() && file.isEmpty()) {
            throw new UsageException("a trace level is set, but no trace file; add --trace-config=triton,file=<path>");
        }
        if (settings.isOn() && rate == 0) {
            throw new UsageException("--trace-config=rate=0 selects no request, expected 1 or more");
        }
        return TraceOptions.of(settings, file);
    }

    private void set(String setting) {
        if (setting.startsWith(OpenTelemetryFlags.PREFIX)) {
            collector.set(setting);
            return;
        }
        boolean isOfMode = setting.startsWith(MODE);
        String pair = isOfMode ? setting.substring(MODE.length()) : setting;
        int equals = pair.indexOf('=');
        if (equals < 1) {
            throw wrong(setting);
        }
        String name = pair.substring(0, equals);
        String value = pair.substring(equals + 1);
        switch ((isOfMode ? MODE : "") + name) {
            case MODE + "file" -> file = Optional.of(path(value));
            case MODE + "log-frequency" -> logFrequency = number(setting, value, 0);
            case "rate" -> rate = number(setting, value, 0);
            case "count" -> count = number(setting, value, -1);
            case "level" -> addLevel(value);
            case "mode" -> mode = checked(value);
            default -> throw wrong(setting);
        }
    }

    private static UsageException wrong(String setting) {
        return new UsageException("--" + CONFIG + " has value '" + setting + "', expected triton,file=<path>, "
                + "triton,log-frequency=<number>, opentelemetry,<setting>=<value>, rate=<number>, level=<level>, count=<number>, mode=triton or "
                + "mode=opentelemetry");
    }

    private static String checked(String mode) {
        if (!mode.equals("triton") && !mode.equals(OpenTelemetryOptions.NAME)) {
            throw new UsageException("--" + CONFIG + " has mode '" + mode + "', expected triton or "
                    + OpenTelemetryOptions.NAME);
        }
        return mode;
    }

    private void addLevel(String level) {
        switch (level) {
            case "OFF" -> levels.clear();
            // The names that the reference had before.
            case "TIMESTAMPS", "MIN", "MAX" -> levels.add(TraceLevel.TIMESTAMPS);
            case "TENSORS" -> levels.add(TraceLevel.TENSORS);
            default -> throw new UsageException(
                    "--" + CONFIG + " has level '" + level + "', expected OFF, TIMESTAMPS or TENSORS");
        }
    }

    private static int number(String setting, String value, int min) {
        try {
            int number = Integer.parseInt(value);
            if (number >= min) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Told below.
        }
        throw new UsageException("--" + CONFIG + " has value '" + setting + "', expected a whole number from " + min
                + " to " + Integer.MAX_VALUE);
    }

    private static Path path(String value) {
        try {
            if (!value.isEmpty()) {
                return Path.of(value);
            }
        } catch (InvalidPathException e) {
            // Told below.
        }
        throw new UsageException("--" + CONFIG + " has file '" + value + "', which is not a path");
    }
}

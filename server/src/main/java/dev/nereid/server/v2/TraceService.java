package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.trace.TraceChange;
import dev.nereid.engine.trace.TraceExporter;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.StrtolNumber;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * Trace settings, of all models or of one. A setting is a list of texts under its name. Where traces are written to can't
 * be changed by a client. Threads: any.
 */
public final class TraceService {
    /** Names what is noted; the one setting with several values. */
    public static final String LEVEL = "trace_level";
    /** Names where traces are written to. */
    public static final String FILE = "trace_file";
    private static final String RATE = "trace_rate";
    private static final String COUNT = "trace_count";
    private static final String LOG_FREQUENCY = "log_frequency";
    private static final String MODE = "trace_mode";
    /** The settings that a client may change. */
    public static final List<String> CHANGEABLE = List.of(LEVEL, RATE, COUNT, LOG_FREQUENCY);
    private static final String OFF = "OFF";
    private static final String TRITON = "triton";
    private static final String UNSIGNED_RANGE = "[ 0, 4294967295 ]";
    private static final String COUNT_RANGE = "[ -1, 2147483647 ]";

    private final Engine engine;
    private final Tracer tracer;

    TraceService(Engine engine, Tracer tracer) {
        this.engine = engine;
        this.tracer = tracer;
    }

    /**
     * Returns the settings.
     *
     * @param model the model; empty for those of all
     * @throws InferenceException INVALID_ARG for an unknown model
     */
    public Map<String, List<String>> settings(String model) {
        checkModel(model);
        return shown(model.isEmpty() ? tracer.settings() : tracer.settings(model));
    }

    /**
     * Changes settings, and returns all of them.
     *
     * @param model the model; empty for those of all
     * @param changes new values by name; an empty list lets a setting fall back; what is not known is ignored, as by the
     *     reference
     * @throws InferenceException INVALID_ARG for an unknown model and for values that can't work; UNSUPPORTED for the
     *     file
     */
    public Map<String, List<String>> change(String model, Map<String, List<String>> changes, Dialect dialect) {
        checkModel(model);
        String mode = tracer.exporter().map(TraceExporter::mode).orElse(TRITON);
        if (changes.containsKey(LOG_FREQUENCY) && !mode.equals(TRITON)) {
            throw InferenceException.invalid("'" + LOG_FREQUENCY + "' is no setting of trace mode '" + mode + "'");
        }
        TraceChange change = parse(changes, dialect);
        return shown(model.isEmpty() ? tracer.change(change) : tracer.change(model, change));
    }

    private void checkModel(String model) {
        if (!model.isEmpty() && engine.readyVersions(model).isEmpty()) {
            throw InferenceException.invalid("Request for unknown model : " + model);
        }
    }

    private Map<String, List<String>> shown(TraceSettings settings) {
        Map<String, List<String>> shown = new LinkedHashMap<>();
        shown.put(LEVEL, settings.isOn() ? settings.levels().stream().map(TraceLevel::name).toList() : List.of(OFF));
        shown.put(RATE, List.of(Integer.toUnsignedString(settings.rate())));
        shown.put(COUNT, List.of(Integer.toString(settings.count())));
        String mode = tracer.exporter().map(TraceExporter::mode).orElse(TRITON);
        Map<String, List<String>> fixed = tracer.exporter().map(TraceExporter::settings).orElse(Map.of());
        if (mode.equals(TRITON)) {
            shown.put(LOG_FREQUENCY, List.of(Integer.toString(settings.logFrequency())));
            shown.put(FILE, fixed.getOrDefault(FILE, List.of("")));
            shown.put(MODE, List.of(mode));
        } else {
            shown.put(MODE, List.of(mode));
            shown.putAll(fixed);
        }
        return shown;
    }

    private static TraceChange parse(Map<String, List<String>> changes, Dialect dialect) {
        if (changes.containsKey(FILE)) {
            throw InferenceException.unsupported("trace file location can not be updated through network protocol");
        }
        return new TraceChange(levels(changes), value(changes, RATE, text -> rate(text, dialect)),
                value(changes, COUNT, text -> count(text, dialect)),
                value(changes, LOG_FREQUENCY, text -> unsigned(LOG_FREQUENCY, text)));
    }

    private static TraceChange.Value<Set<TraceLevel>> levels(Map<String, List<String>> changes) {
        List<String> names = changes.get(LEVEL);
        if (names == null) {
            return new TraceChange.Kept<>();
        }
        if (names.isEmpty()) {
            return new TraceChange.Cleared<>();
        }
        if (names.contains(OFF)) {
            if (names.size() > 1) {
                throw InferenceException.invalid("Expect only one trace level 'OFF' is specified");
            }
            return new TraceChange.Changed<>(Set.of());
        }
        Set<TraceLevel> levels = EnumSet.noneOf(TraceLevel.class);
        for (TraceLevel level : TraceLevel.values()) {
            if (names.contains(level.name())) {
                levels.add(level);
            }
        }
        return levels.isEmpty() ? new TraceChange.Kept<>() : new TraceChange.Changed<>(levels);
    }

    private static TraceChange.Value<Integer> value(Map<String, List<String>> changes, String name,
            Function<String, Integer> parse) {
        List<String> values = changes.get(name);
        if (values == null) {
            return new TraceChange.Kept<>();
        }
        return switch (values.size()) {
            case 0 -> new TraceChange.Cleared<>();
            case 1 -> new TraceChange.Changed<>(parse.apply(values.getFirst()));
            default -> throw InferenceException.invalid("expect only 1 value for '" + name + "'");
        };
    }

    /** Returns the rate, unsigned. The reference's gRPC front end takes -1 for the largest. */
    private static int rate(String text, Dialect dialect) {
        int number = parse(RATE, text, UNSIGNED_RANGE);
        if (number < (dialect == Dialect.GRPC ? -1 : 0)) {
            throw outOfRange(RATE, text, UNSIGNED_RANGE);
        }
        return number;
    }

    private static int unsigned(String name, String text) {
        int number = parse(name, text, UNSIGNED_RANGE);
        if (number < 0) {
            throw outOfRange(name, text, UNSIGNED_RANGE);
        }
        return number;
    }

    private static int count(String text, Dialect dialect) {
        int number = parse(COUNT, text, COUNT_RANGE);
        if (number < -1) {
            throw InferenceException.invalid(
                    "Unable to parse '" + COUNT + "'. Expecting value >= -1, " + dialect.gotCount() + text);
        }
        return number;
    }

    private static int parse(String name, String text, String range) {
        StrtolNumber number = StrtolNumber.parseInt(text);
        return switch (number.outcome()) {
            case NUMBER -> (int) number.value();
            case NOT_A_NUMBER ->
                throw InferenceException.invalid("Unable to parse '" + name + "', got: " + text);
            case OUT_OF_RANGE -> throw outOfRange(name, text, range);
        };
    }

    private static InferenceException outOfRange(String name, String text, String range) {
        return InferenceException.invalid(
                "Unable to parse '" + name + "', value is out of range " + range + ", got: " + text);
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.trace.TraceChange;
import dev.nereid.engine.trace.TraceLevel;
import dev.nereid.engine.trace.TraceSettings;
import dev.nereid.engine.trace.Tracer;
import dev.nereid.json.CNumber;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/** Trace settings, global or of one model (v2-http, 8). Where traces are written to can't be changed by a client. */
final class TraceHandler {
    private static final String OFF = "OFF";
    private static final String UNSIGNED_RANGE = "[ 0, 4294967295 ]";
    private static final String COUNT_RANGE = "[ -1, 2147483647 ]";

    private final Engine engine;
    private final Tracer tracer;
    private final long maxInputSize;

    TraceHandler(Engine engine, Tracer tracer, long maxInputSize) {
        this.engine = engine;
        this.tracer = tracer;
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange, String model) {
        if (!model.isEmpty() && engine.readyVersions(model).isEmpty()) {
            throw InferenceException.invalid("Request for unknown model : " + model);
        }
        TraceSettings settings;
        if (exchange.method().equals("POST")) {
            TraceChange change = change(new JsonDocument().parse(exchange.readJson(maxInputSize)));
            settings = model.isEmpty() ? tracer.change(change) : tracer.change(model, change);
        } else {
            settings = model.isEmpty() ? tracer.settings() : tracer.settings(model);
        }
        JsonWriter json = new JsonWriter().beginObject().name("trace_level").beginArray();
        if (!settings.isOn()) {
            json.string(OFF);
        }
        settings.levels().forEach(level -> json.string(level.name()));
        json.endArray();
        json.name("trace_rate").string(Integer.toString(settings.rate()));
        json.name("trace_count").string(Integer.toString(settings.count()));
        json.name("log_frequency").string(Integer.toString(settings.logFrequency()));
        json.name("trace_file").string(tracer.destination());
        json.name("trace_mode").string("triton");
        exchange.sendJson(json.endObject());
    }

    private static TraceChange change(JsonValue body) {
        if (body.find("trace_file").isPresent()) {
            throw InferenceException.unsupported("trace file location can not be updated through network protocol");
        }
        return new TraceChange(levels(body),
                value(body, "trace_rate", text -> unsigned("trace_rate", text)),
                value(body, "trace_count", TraceHandler::count),
                value(body, "log_frequency", text -> unsigned("log_frequency", text)));
    }

    private static TraceChange.Value<Set<TraceLevel>> levels(JsonValue body) {
        Optional<JsonValue> field = body.find("trace_level");
        if (field.isEmpty()) {
            return new TraceChange.Kept<>();
        }
        if (field.get().isNull()) {
            return new TraceChange.Cleared<>();
        }
        List<String> names = field.get().elements().stream().map(JsonValue::asString).toList();
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

    private static TraceChange.Value<Integer> value(JsonValue body, String name, Function<String, Integer> parse) {
        Optional<JsonValue> field = body.find(name);
        if (field.isEmpty()) {
            return new TraceChange.Kept<>();
        }
        return field.get().isNull()
                ? new TraceChange.Cleared<>()
                : new TraceChange.Changed<>(parse.apply(field.get().asString()));
    }

    private static int unsigned(String name, String text) {
        int number = parse(name, text, UNSIGNED_RANGE);
        if (number < 0) {
            throw outOfRange(name, text, UNSIGNED_RANGE);
        }
        return number;
    }

    private static int count(String text) {
        int number = parse("trace_count", text, COUNT_RANGE);
        if (number < -1) {
            throw InferenceException.invalid("Unable to parse 'trace_count'. Expecting value >= -1, got:" + text);
        }
        return number;
    }

    private static int parse(String name, String text, String range) {
        CNumber number = CNumber.parseInt(text);
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

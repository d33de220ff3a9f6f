package dev.nereid.server.http;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.Dialect;
import dev.nereid.server.v2.TraceService;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Trace settings, global or of one model (v2-http, 8). */
final class TraceHandler {
    private final TraceService traces;
    private final long maxInputSize;

    TraceHandler(TraceService traces, long maxInputSize) {
        this.traces = traces;
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange, String model) {
        Map<String, List<String>> settings = traces.settings(model);
        if (exchange.method().equals("POST")) {
            settings = traces.change(model, changes(new JsonDocument().parse(exchange.readJson(maxInputSize))),
                    Dialect.HTTP);
        }
        JsonWriter json = new JsonWriter().beginObject();
        settings.forEach((name, values) -> {
            json.name(name);
            if (name.equals(TraceService.LEVEL)) {
                json.beginArray();
                values.forEach(json::string);
                json.endArray();
            } else {
                json.string(values.getFirst());
            }
        });
        exchange.sendJson(json.endObject());
    }

    private static Map<String, List<String>> changes(JsonValue body) {
        if (body.find(TraceService.FILE).isPresent()) {
            // Refused, whatever else there is.
            return Map.of(TraceService.FILE, List.of());
        }
        Map<String, List<String>> changes = new LinkedHashMap<>();
        for (String name : TraceService.CHANGEABLE) {
            body.find(name).map(value -> texts(name, value)).ifPresent(texts -> changes.put(name, texts));
        }
        return changes;
    }

    private static List<String> texts(String name, JsonValue value) {
        if (value.isNull()) {
            return List.of();
        }
        if (!name.equals(TraceService.LEVEL)) {
            return List.of(value.asString());
        }
        List<String> levels = value.elements().stream().map(JsonValue::asString).toList();
        // Only null clears; a list without levels changes nothing, like one with unknown levels.
        return levels.isEmpty() ? List.of("") : levels;
    }
}

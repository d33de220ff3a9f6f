package dev.nereid.server.http;

import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.Dialect;
import dev.nereid.server.v2.LogChange;
import dev.nereid.server.v2.LogService;
import dev.nereid.server.v2.LogSettings;
import java.util.Optional;

/** Log settings (v2-http, 9). */
final class LogHandler {
    private final LogService logs;
    private final long maxInputSize;

    LogHandler(LogService logs, long maxInputSize) {
        this.logs = logs;
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange) {
        LogSettings settings = exchange.method().equals("POST")
                ? logs.change(change(new JsonDocument().parse(exchange.readJson(maxInputSize))), Dialect.HTTP)
                : logs.settings();
        JsonWriter json = new JsonWriter().beginObject();
        json.name("log_file").string(settings.file());
        json.name("log_info").bool(settings.info());
        json.name("log_warning").bool(settings.warning());
        json.name("log_error").bool(settings.error());
        json.name("log_verbose_level").integer(settings.verboseLevel());
        json.name("log_format").string(settings.format());
        exchange.sendJson(json.endObject());
    }

    private static LogChange change(JsonValue body) {
        if (present(body, "log_file").isPresent()) {
            // Refused, whatever else there is.
            return LogChange.OF_FILE;
        }
        return new LogChange(false, bool(body, "log_info"), bool(body, "log_warning"), bool(body, "log_error"),
                present(body, "log_verbose_level").map(value -> level(value.asUnsigned())),
                present(body, "log_format").map(JsonValue::asString));
    }

    private static int level(long unsigned) {
        return unsigned < 0 ? Integer.MAX_VALUE : (int) Math.min(unsigned, Integer.MAX_VALUE);
    }

    private static Optional<Boolean> bool(JsonValue body, String name) {
        return present(body, name).map(JsonValue::asBoolean);
    }

    private static Optional<JsonValue> present(JsonValue body, String name) {
        return body.find(name).filter(value -> !value.isNull());
    }
}

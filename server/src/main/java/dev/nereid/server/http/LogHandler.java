package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.LogControl;
import dev.nereid.server.ServerOptions.LogOptions;
import java.util.Optional;

/** Log settings (v2-http, 9). Where the log goes can't be changed by a client. */
final class LogHandler {
    private static final String DEFAULT_FORMAT = "default";
    private static final String ISO_FORMAT = "ISO8601";

    private final LogControl control;
    private final long maxInputSize;

    LogHandler(LogControl control, long maxInputSize) {
        this.control = control;
        this.maxInputSize = maxInputSize;
    }

    void handle(Exchange exchange) {
        if (exchange.method().equals("POST")) {
            change(new JsonDocument().parse(exchange.readJson(maxInputSize)));
        }
        LogOptions options = control.options();
        JsonWriter json = new JsonWriter().beginObject();
        json.name("log_file").string(options.file().map(Object::toString).orElse(""));
        json.name("log_info").bool(options.info());
        json.name("log_warning").bool(options.warning());
        json.name("log_error").bool(options.error());
        json.name("log_verbose_level").integer(options.verboseLevel());
        json.name("log_format").string(options.isIso8601() ? ISO_FORMAT : DEFAULT_FORMAT);
        exchange.sendJson(json.endObject());
    }

    private void change(JsonValue body) {
        if (present(body, "log_file").isPresent()) {
            throw InferenceException.unsupported("log file location can not be updated through network protocol");
        }
        LogOptions now = control.options();
        boolean info = bool(body, "log_info", now.info());
        boolean warning = bool(body, "log_warning", now.warning());
        boolean error = bool(body, "log_error", now.error());
        Optional<JsonValue> verbose = present(body, "log_verbose_level");
        int level = verbose.isEmpty() ? now.verboseLevel() : level(verbose.get().asUnsigned());
        Optional<JsonValue> format = present(body, "log_format");
        boolean isIso = format.isEmpty() ? now.isIso8601() : isIso(format.get().asString());
        LogOptions changed = new LogOptions(info, warning, error, level, isIso, now.file());
        if (!changed.equals(now)) {
            control.change(changed);
        }
    }

    private static int level(long unsigned) {
        return unsigned < 0 ? Integer.MAX_VALUE : (int) Math.min(unsigned, Integer.MAX_VALUE);
    }

    private static boolean isIso(String format) {
        return switch (format) {
            case DEFAULT_FORMAT -> false;
            case ISO_FORMAT -> true;
            default -> throw InferenceException.unavailable("invalid argument for --log_format, got: " + format);
        };
    }

    private static boolean bool(JsonValue body, String name, boolean absent) {
        Optional<JsonValue> value = present(body, name);
        return value.isEmpty() ? absent : value.get().asBoolean();
    }

    private static Optional<JsonValue> present(JsonValue body, String name) {
        return body.find(name).filter(value -> !value.isNull());
    }
}

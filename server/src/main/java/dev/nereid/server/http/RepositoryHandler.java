package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.IndexEntry;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.LoadParameters;
import dev.nereid.server.v2.V2Service;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** Repository index, load and unload (v2-http, 4). */
final class RepositoryHandler {
    private final V2Service service;
    private final long maxInputSize;

    RepositoryHandler(V2Service service, long maxInputSize) {
        this.service = service;
        this.maxInputSize = maxInputSize;
    }

    void index(Exchange exchange) {
        Optional<JsonValue> body = body(exchange);
        Optional<JsonValue> ready = body.isPresent() ? body.get().find("ready") : Optional.empty();
        if (ready.isPresent() && !ready.get().isBoolean()) {
            throw InferenceException.invalid("Invalid value for 'ready': expected a boolean");
        }
        List<IndexEntry> entries = service.index(ready.isPresent() && ready.get().asBoolean());
        JsonWriter json = new JsonWriter().beginArray();
        for (IndexEntry entry : entries) {
            json.beginObject().name("name").string(entry.name());
            if (entry.version().isPresent()) {
                json.name("version").string(Long.toString(entry.version().getAsLong()));
            }
            entry.state().ifPresent(state -> json.name("state").string(state.name()));
            if (!entry.reason().isEmpty()) {
                json.name("reason").string(entry.reason());
            }
            json.endObject();
        }
        exchange.sendJson(json.endArray());
    }

    void load(Exchange exchange, Route route) {
        service.checkNoRepository(route.repository());
        Optional<JsonValue> body = body(exchange);
        Optional<JsonValue> parameters = body.isPresent() ? body.get().find("parameters") : Optional.empty();
        service.load(route.model(), parameters.map(RepositoryHandler::loadParameters).orElseGet(LoadParameters::new));
        exchange.sendEmpty(200, Exchange.JSON);
    }

    private static LoadParameters loadParameters(JsonValue parameters) {
        LoadParameters decoded = new LoadParameters();
        for (JsonValue.Member member : parameters.members()) {
            String name = member.name();
            if (name.equals(LoadParameters.CONFIG)) {
                decoded.config(member.value().asString());
            } else if (LoadParameters.isFile(name)) {
                decoded.file(name, decode(name, member.value().asString()));
            } else {
                member.value().asString();
                throw InferenceException.internal("unexpected error on creating Triton parameter");
            }
        }
        return decoded;
    }

    private static byte[] decode(String name, String base64) {
        try {
            return Base64.getMimeDecoder().decode(base64);
        } catch (IllegalArgumentException e) {
            throw InferenceException.invalid("'" + name + "' is not valid base64: " + e.getMessage());
        }
    }

    void unload(Exchange exchange, Route route) {
        service.checkNoRepository(route.repository());
        Optional<JsonValue> body = body(exchange);
        Optional<JsonValue> parameters = body.isPresent() ? body.get().find("parameters") : Optional.empty();
        boolean withDependents = false;
        if (parameters.isPresent()) {
            Optional<JsonValue> value = parameters.get().find("unload_dependents");
            // Like the recorded reference, anything but a boolean counts as false.
            withDependents = value.isPresent() && value.get().isBoolean() && value.get().asBoolean();
        }
        service.unload(route.model(), withDependents);
        exchange.sendEmpty(200, Exchange.JSON);
    }

    private Optional<JsonValue> body(Exchange exchange) {
        byte[] bytes = exchange.readJson(maxInputSize);
        return bytes.length == 0 ? Optional.empty() : Optional.of(new JsonDocument().parse(bytes));
    }
}

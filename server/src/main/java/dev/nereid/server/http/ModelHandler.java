package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.json.JsonWriter;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** Metadata, configuration and readiness of one model (v2-http, 2 and 3). */
final class ModelHandler {
    private final Engine engine;

    ModelHandler(Engine engine) {
        this.engine = engine;
    }

    void metadata(Exchange exchange, String model, OptionalLong version) {
        ServedVersion served = engine.lookup(model, version);
        ModelConfig config = served.config();
        JsonWriter json = new JsonWriter().beginObject();
        json.name("name").string(model).name("versions").beginArray();
        List<ServedVersion> versions = version.isPresent() ? List.of(served) : engine.readyVersions(model);
        versions.forEach(each -> json.string(Long.toString(each.version())));
        json.endArray();
        json.name("platform").string(config.platform().isEmpty() ? config.backend() : config.platform());
        json.name("inputs").beginArray();
        config.inputs().forEach(
                input -> tensor(json, input.name(), input.dataType(), input.dims(), config.isBatching()));
        json.endArray().name("outputs").beginArray();
        config.outputs().forEach(
                output -> tensor(json, output.name(), output.dataType(), output.dims(), config.isBatching()));
        exchange.sendJson(json.endArray().endObject());
    }

    private static void tensor(JsonWriter json, String name, Optional<DataType> dataType, Dims dims,
            boolean isBatching) {
        json.beginObject().name("name").string(name);
        json.name("datatype").string(dataType.map(DataType::name).orElse("<invalid>"));
        json.name("shape").beginArray();
        if (isBatching) {
            json.integer(-1);
        }
        for (long dim : dims.toArray()) {
            json.integer(dim);
        }
        json.endArray().endObject();
    }

    void config(Exchange exchange, String model, OptionalLong version) {
        exchange.sendJson(engine.lookup(model, version).configJson());
    }

    void ready(Exchange exchange, String model, OptionalLong version) {
        boolean isReady;
        try {
            isReady = engine.lookup(model, version).isReady();
        } catch (InferenceException e) {
            isReady = false;
        }
        if (isReady) {
            exchange.sendEmpty(200, Exchange.TEXT);
        } else {
            exchange.sendError(400, "Model version not ready", Exchange.TEXT);
        }
    }
}

package dev.nereid.server.http;

import dev.nereid.json.JsonWriter;
import dev.nereid.repository.config.ConfigJson;
import dev.nereid.server.v2.ModelMetadata;
import dev.nereid.server.v2.ModelMetadata.TensorMetadata;
import dev.nereid.server.v2.V2Service;
import java.util.List;
import java.util.OptionalLong;

/** Metadata, configuration and readiness of one model (v2-http, 2 and 3). */
final class ModelHandler {
    private final V2Service service;

    ModelHandler(V2Service service) {
        this.service = service;
    }

    void metadata(Exchange exchange, String model, OptionalLong version) {
        ModelMetadata metadata = service.modelMetadata(model, version);
        JsonWriter json = new JsonWriter().beginObject();
        json.name("name").string(metadata.name()).name("versions").beginArray();
        metadata.versions().forEach(json::string);
        json.endArray().name("platform").string(metadata.platform());
        tensors(json, "inputs", metadata.inputs());
        tensors(json, "outputs", metadata.outputs());
        exchange.sendJson(json.endObject());
    }

    private static void tensors(JsonWriter json, String name, List<TensorMetadata> tensors) {
        json.name(name).beginArray();
        for (TensorMetadata tensor : tensors) {
            json.beginObject().name("name").string(tensor.name()).name("datatype").string(tensor.dataType());
            json.name("shape").beginArray();
            tensor.shape().forEach(json::integer);
            json.endArray().endObject();
        }
        json.endArray();
    }

    void config(Exchange exchange, String model, OptionalLong version) {
        exchange.sendJson(ConfigJson.write(service.modelConfig(model, version)));
    }

    void ready(Exchange exchange, String model, OptionalLong version) {
        if (service.isModelReady(model, version)) {
            exchange.sendEmpty(200, Exchange.TEXT);
        } else {
            exchange.sendError(400, "Model version not ready", Exchange.TEXT);
        }
    }
}

package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.sharedmemory.CudaRegionStatus;
import dev.nereid.engine.sharedmemory.RegionStatus;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.SharedMemoryService;
import java.util.Base64;
import java.util.Optional;

/** Registration of shared memory (v2-http, 7). */
final class SharedMemoryHandler {
    private final SharedMemoryService service;
    private final long maxInputSize;

    SharedMemoryHandler(SharedMemoryService service, long maxInputSize) {
        this.service = service;
        this.maxInputSize = maxInputSize;
    }

    void systemStatus(Exchange exchange, String region) {
        JsonWriter json = new JsonWriter().beginArray();
        for (RegionStatus each : service.systemStatus(region)) {
            json.beginObject().name("name").string(each.name()).name("key").string(each.key());
            json.name("offset").unsigned(each.offset()).name("byte_size").unsigned(each.byteSize()).endObject();
        }
        exchange.sendJson(json.endArray());
    }

    void systemRegister(Exchange exchange, String region) {
        service.checkSystemRegistration(region);
        JsonValue body = body(exchange);
        String key = field(body, "key").asString();
        Optional<JsonValue> offset = body.find("offset");
        long start = offset.isEmpty() ? 0 : offset.get().asUnsigned();
        service.registerSystem(region, key, start, field(body, "byte_size").asUnsigned());
        exchange.sendEmpty(200, Exchange.JSON);
    }

    void systemUnregister(Exchange exchange, String region) {
        service.unregisterSystem(region);
        exchange.sendEmpty(200, Exchange.JSON);
    }

    void cudaStatus(Exchange exchange, String region) {
        JsonWriter json = new JsonWriter().beginArray();
        for (CudaRegionStatus each : service.cudaStatus(region)) {
            json.beginObject().name("name").string(each.name()).name("device_id").unsigned(each.deviceId());
            json.name("byte_size").unsigned(each.byteSize()).endObject();
        }
        exchange.sendJson(json.endArray());
    }

    void cudaRegister(Exchange exchange, String region) {
        service.checkCudaRegistration(region);
        JsonValue body = body(exchange);
        JsonValue handle = field(body, "raw_handle");
        JsonValue size = field(body, "byte_size");
        String encoded = handle.member("b64").asString();
        long byteSize = size.asUnsigned();
        long device = body.member("device_id").asUnsigned();
        service.registerCuda(region, decoded(encoded), device, byteSize);
        exchange.sendEmpty(200, Exchange.JSON);
    }

    /** Returns the bytes; none for text that is not Base64, which then has the wrong length. */
    private static byte[] decoded(String text) {
        try {
            return Base64.getDecoder().decode(text);
        } catch (IllegalArgumentException e) {
            return new byte[0];
        }
    }

    void cudaUnregister(Exchange exchange, String region) {
        service.unregisterCuda(region);
        exchange.sendEmpty(200, Exchange.JSON);
    }

    private JsonValue body(Exchange exchange) {
        return new JsonDocument().parse(exchange.readJson(maxInputSize));
    }

    private static JsonValue field(JsonValue body, String name) {
        return body.find(name).orElseThrow(() -> InferenceException
                .invalid("Shared memory register request has no '" + name + "' field"));
    }
}

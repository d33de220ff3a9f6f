package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.sharedmemory.CudaRegionStatus;
import dev.nereid.engine.sharedmemory.RegionStatus;
import dev.nereid.json.JsonDocument;
import dev.nereid.json.JsonValue;
import dev.nereid.json.JsonWriter;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/** Registration of shared memory (v2-http, 7). */
final class SharedMemoryHandler {
    private static final String DISABLED = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";

    private final ClientSharedMemory regions;
    private final boolean isAllowed;
    private final long maxInputSize;

    SharedMemoryHandler(ClientSharedMemory regions, boolean isAllowed, long maxInputSize) {
        this.regions = regions;
        this.isAllowed = isAllowed;
        this.maxInputSize = maxInputSize;
    }

    void systemStatus(Exchange exchange, String region) {
        List<RegionStatus> shown = region.isEmpty() ? regions.status() : List.of(regions.status(region));
        JsonWriter json = new JsonWriter().beginArray();
        for (RegionStatus each : shown) {
            json.beginObject().name("name").string(each.name()).name("key").string(each.key());
            json.name("offset").unsigned(each.offset()).name("byte_size").unsigned(each.byteSize()).endObject();
        }
        exchange.sendJson(json.endArray());
    }

    void systemRegister(Exchange exchange, String region) {
        checkRegistration(region, "system");
        JsonValue body = body(exchange);
        String key = field(body, "key").asString();
        Optional<JsonValue> offset = body.find("offset");
        long start = offset.isEmpty() ? 0 : offset.get().asUnsigned();
        regions.register(region, key, start, field(body, "byte_size").asUnsigned());
        exchange.sendEmpty(200, Exchange.JSON);
    }

    void systemUnregister(Exchange exchange, String region) {
        checkAllowed();
        if (region.isEmpty()) {
            regions.unregisterAll();
        } else {
            regions.unregister(region);
        }
        exchange.sendEmpty(200, Exchange.JSON);
    }

    void cudaStatus(Exchange exchange, String region) {
        List<CudaRegionStatus> shown = region.isEmpty() ? regions.cudaStatus() : List.of(regions.cudaStatus(region));
        JsonWriter json = new JsonWriter().beginArray();
        for (CudaRegionStatus each : shown) {
            json.beginObject().name("name").string(each.name()).name("device_id").unsigned(each.deviceId());
            json.name("byte_size").unsigned(each.byteSize()).endObject();
        }
        exchange.sendJson(json.endArray());
    }

    void cudaRegister(Exchange exchange, String region) {
        checkRegistration(region, "cuda");
        JsonValue body = body(exchange);
        JsonValue handle = field(body, "raw_handle");
        JsonValue size = field(body, "byte_size");
        String encoded = handle.member("b64").asString();
        long byteSize = size.asUnsigned();
        long device = body.member("device_id").asUnsigned();
        regions.registerCuda(region, decoded(encoded), device, byteSize);
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
        checkAllowed();
        if (region.isEmpty()) {
            regions.unregisterAllCuda();
        } else {
            regions.unregisterCuda(region);
        }
        exchange.sendEmpty(200, Exchange.JSON);
    }

    private void checkRegistration(String region, String kind) {
        checkAllowed();
        if (region.isEmpty()) {
            throw InferenceException
                    .invalid("'region name' is necessary to register " + kind + " shared memory region");
        }
    }

    private void checkAllowed() {
        if (!isAllowed) {
            throw InferenceException.unsupported(DISABLED);
        }
    }

    private JsonValue body(Exchange exchange) {
        return new JsonDocument().parse(exchange.readJson(maxInputSize));
    }

    private static JsonValue field(JsonValue body, String name) {
        return body.find(name).orElseThrow(() -> InferenceException
                .invalid("Shared memory register request has no '" + name + "' field"));
    }
}

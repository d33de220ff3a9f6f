package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.protocol.JsonDocument;
import dev.nereid.server.protocol.JsonValue;
import dev.nereid.server.protocol.JsonWriter;
import dev.nereid.server.sharedmemory.RegionStatus;
import dev.nereid.server.sharedmemory.SystemSharedMemory;
import java.util.List;
import java.util.Optional;

/** Registration of shared memory (v2-http, 7). There is no CUDA memory here, only answers about it. */
final class SharedMemoryHandler {
    private static final String DISABLED = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";

    private final SystemSharedMemory regions;
    private final boolean isAllowed;
    private final long maxInputSize;

    SharedMemoryHandler(SystemSharedMemory regions, boolean isAllowed, long maxInputSize) {
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
        if (region.isEmpty()) {
            exchange.sendJson("[]");
            return;
        }
        throw InferenceException.notFound(regions.contains(region)
                ? "The region named '" + region
                        + "' is registered as system shared memory, not CUDA shared memory"
                : "Unable to find cuda shared memory region: '" + region + "'");
    }

    void cudaRegister(Exchange exchange, String region) {
        checkRegistration(region, "cuda");
        JsonValue body = body(exchange);
        JsonValue handle = field(body, "raw_handle");
        JsonValue size = field(body, "byte_size");
        String _ = handle.member("b64").asString();
        long _ = size.asUnsigned();
        long _ = body.member("device_id").asUnsigned();
        throw InferenceException
                .invalid("failed to register CUDA shared memory region: '" + region + "', GPUs not supported");
    }

    void cudaUnregister(Exchange exchange) {
        checkAllowed();
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

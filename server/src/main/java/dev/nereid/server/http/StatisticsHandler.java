package dev.nereid.server.http;

import dev.nereid.json.JsonWriter;
import dev.nereid.server.v2.V2Service;
import dev.nereid.server.v2.VersionStatistics;
import dev.nereid.server.v2.VersionStatistics.Batch;
import dev.nereid.server.v2.VersionStatistics.Counter;
import dev.nereid.server.v2.VersionStatistics.Requests;
import dev.nereid.server.v2.VersionStatistics.Responses;
import java.util.OptionalLong;

/** Statistics of one model or all (metrics-and-statistics, 2). */
final class StatisticsHandler {
    private final V2Service service;

    StatisticsHandler(V2Service service) {
        this.service = service;
    }

    void handle(Exchange exchange, String model, OptionalLong version) {
        JsonWriter json = new JsonWriter().beginObject().name("model_stats").beginArray();
        service.statistics(model, version).forEach(each -> write(json, each));
        exchange.sendJson(json.endArray().endObject());
    }

    private static void write(JsonWriter json, VersionStatistics statistics) {
        json.beginObject().name("name").string(statistics.model());
        json.name("version").string(statistics.version());
        json.name("last_inference").integer(statistics.lastInferenceMillis());
        json.name("inference_count").integer(statistics.inferenceCount());
        json.name("execution_count").integer(statistics.executionCount());
        Requests requests = statistics.requests();
        json.name("inference_stats").beginObject();
        counter(json, "success", requests.success());
        counter(json, "fail", requests.fail());
        counter(json, "queue", requests.queue());
        counter(json, "compute_input", requests.computeInput());
        counter(json, "compute_infer", requests.computeInfer());
        counter(json, "compute_output", requests.computeOutput());
        counter(json, "cache_hit", requests.cacheHit());
        counter(json, "cache_miss", requests.cacheMiss());
        json.endObject();
        json.name("response_stats").beginObject();
        for (Responses responses : statistics.responses()) {
            json.name(Integer.toString(responses.index())).beginObject();
            counter(json, "compute_infer", responses.computeInfer());
            counter(json, "compute_output", responses.computeOutput());
            counter(json, "success", responses.success());
            counter(json, "fail", responses.fail());
            counter(json, "empty_response", responses.emptyResponse());
            counter(json, "cancel", responses.cancel());
            json.endObject();
        }
        json.endObject();
        json.name("batch_stats").beginArray();
        for (Batch batch : statistics.batches()) {
            json.beginObject().name("batch_size").integer(batch.size());
            counter(json, "compute_input", batch.computeInput());
            counter(json, "compute_infer", batch.computeInfer());
            counter(json, "compute_output", batch.computeOutput());
            json.endObject();
        }
        json.endArray();
        json.name("memory_usage").beginArray();
        statistics.memory().forEach(usage -> json.beginObject().name("type").string(usage.placement().kind().name())
                .name("id").integer(usage.placement().deviceId()).name("byte_size").integer(usage.byteSize())
                .endObject());
        json.endArray();
        json.endObject();
    }

    private static void counter(JsonWriter json, String name, Counter counter) {
        json.name(name).beginObject().name("count").integer(counter.count()).name("ns").integer(counter.nanos())
                .endObject();
    }
}

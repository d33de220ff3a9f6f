package dev.nereid.server.http;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.stats.DurationCounter;
import dev.nereid.engine.stats.FailureReason;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.json.JsonWriter;
import java.util.List;
import java.util.OptionalLong;

/** Statistics of one model or all (metrics-and-statistics, 2). */
final class StatisticsHandler {
    private final Engine engine;

    StatisticsHandler(Engine engine) {
        this.engine = engine;
    }

    void handle(Exchange exchange, String model, OptionalLong version) {
        List<ServedVersion> versions = model.isEmpty() ? engine.readyVersions() : engine.readyVersions(model);
        if (!model.isEmpty() && versions.isEmpty()) {
            throw InferenceException.invalid("requested model '" + model + "' is not available");
        }
        if (version.isPresent()) {
            versions = versions.stream().filter(each -> each.version() == version.getAsLong()).toList();
            if (versions.isEmpty()) {
                throw InferenceException.invalid("requested model version is not available for model '" + model + "'");
            }
        }
        JsonWriter json = new JsonWriter().beginObject().name("model_stats").beginArray();
        versions.forEach(each -> write(json, each));
        exchange.sendJson(json.endArray().endObject());
    }

    private static void write(JsonWriter json, ServedVersion version) {
        ModelStatistics statistics = version.statistics();
        json.beginObject().name("name").string(version.name());
        json.name("version").string(Long.toString(version.version()));
        json.name("last_inference").integer(statistics.lastInferenceMillis());
        json.name("inference_count").integer(statistics.inferenceCount());
        json.name("execution_count").integer(statistics.executionCount());
        json.name("inference_stats").beginObject();
        counter(json, "success", statistics.success());
        long failures = 0;
        long failureNanos = 0;
        for (FailureReason reason : FailureReason.values()) {
            failures += statistics.failures(reason).count();
            failureNanos += statistics.failures(reason).nanos();
        }
        counter(json, "fail", failures, failureNanos);
        counter(json, "queue", statistics.queue());
        counter(json, "compute_input", statistics.computeInput());
        counter(json, "compute_infer", statistics.computeInfer());
        counter(json, "compute_output", statistics.computeOutput());
        counter(json, "cache_hit", statistics.cacheHit());
        counter(json, "cache_miss", statistics.cacheMiss());
        json.endObject();
        json.name("response_stats").beginObject().endObject();
        json.name("batch_stats").beginArray();
        statistics.batches().forEach((rows, batch) -> {
            json.beginObject().name("batch_size").integer(rows);
            counter(json, "compute_input", batch.input());
            counter(json, "compute_infer", batch.infer());
            counter(json, "compute_output", batch.output());
            json.endObject();
        });
        json.endArray();
        json.name("memory_usage").beginArray();
        version.memoryUsage().forEach(usage -> json.beginObject().name("type").string(usage.placement().kind().name())
                .name("id").integer(usage.placement().deviceId()).name("byte_size").integer(usage.byteSize())
                .endObject());
        json.endArray();
        json.endObject();
    }

    private static void counter(JsonWriter json, String name, DurationCounter counter) {
        counter(json, name, counter.count(), counter.nanos());
    }

    private static void counter(JsonWriter json, String name, long count, long nanos) {
        json.name(name).beginObject().name("count").integer(count).name("ns").integer(nanos).endObject();
    }
}

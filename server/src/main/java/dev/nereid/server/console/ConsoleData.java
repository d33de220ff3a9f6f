package dev.nereid.server.console;

import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling;
import dev.nereid.engine.ControlMode;
import dev.nereid.engine.model.Engine;
import dev.nereid.engine.model.IndexEntry;
import dev.nereid.engine.model.ServedVersion;
import dev.nereid.engine.stats.ModelStatistics;
import dev.nereid.json.JsonWriter;
import dev.nereid.server.console.Feed.Part;
import dev.nereid.server.console.VersionFigures.Point;
import dev.nereid.server.v2.Category;
import dev.nereid.server.v2.LogTail;
import dev.nereid.server.v2.RecentFailures;
import dev.nereid.server.v2.ServerMetadata;
import dev.nereid.server.v2.V2Service;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What the console shows, as JSON. Threads: {@link #sample} is for one thread at a time, {@link #history} for any.
 */
public final class ConsoleData {
    /** What lies in the repositories is looked up once in so many snapshots: it means to read directories. */
    private static final int INDEX_INTERVAL = 5;

    private final Engine engine;
    private final V2Service service;
    private final Facts facts;
    private final Optional<LogTail> log;
    private final MachineFigures machine;
    private final long startMillis = System.currentTimeMillis();
    private final Map<String, VersionFigures> figures = new ConcurrentHashMap<>();
    private Set<String> stored = Set.of();
    private int samples;

    /**
     * What does not change while the server runs.
     *
     * @param httpPort the port for requests; -1 for none
     * @param httpAddress its address
     * @param isSecure whether it speaks TLS
     * @param mode when models are loaded
     * @param mayWrite whether the console may change something
     */
    public record Facts(int httpPort, String httpAddress, boolean isSecure, ControlMode mode, boolean mayWrite) {
    }

    /** Creates what shows an engine; the log's last lines where they are kept. */
    public ConsoleData(Engine engine, V2Service service, Facts facts, Optional<LogTail> log) {
        this.engine = engine;
        this.service = service;
        this.facts = facts;
        this.log = log;
        this.machine = new MachineFigures(engine);
    }

    /** Returns a snapshot, and adds a point to the figures of each version. */
    public List<Part> sample() {
        long nanos = System.nanoTime();
        long millis = System.currentTimeMillis();
        List<ServedVersion> versions = engine.readyVersions();
        return List.of(new Part("server", Category.METADATA, server()),
                new Part("models", Category.MODEL_REPOSITORY, models(versions)),
                new Part("statistics", Category.STATISTICS, statistics(versions, nanos, millis)),
                new Part("machine", Category.STATISTICS, machine.json()),
                new Part("failures", Category.LOGGING, failures()), new Part("log", Category.LOGGING, log()));
    }

    private byte[] server() {
        ServerMetadata metadata = service.metadata();
        JsonWriter json = new JsonWriter().beginObject().name("name").string(metadata.name());
        json.name("version").string(metadata.version()).name("started").integer(startMillis);
        json.name("ready").bool(engine.isReady()).name("ends").bool(engine.isStopping());
        json.name("httpPort").integer(facts.httpPort()).name("httpAddress").string(facts.httpAddress());
        json.name("secure").bool(facts.isSecure()).name("mode").string(facts.mode().name());
        json.name("write").bool(facts.mayWrite());
        return json.endObject().toByteArray();
    }

    private byte[] models(List<ServedVersion> ready) {
        Map<String, ServedVersion> served = new HashMap<>();
        ready.forEach(version -> served.put(key(version), version));
        if (samples++ % INDEX_INTERVAL == 0 && !engine.isStopping()) {
            Set<String> names = new HashSet<>();
            engine.index(false).forEach(entry -> names.add(entry.name()));
            stored = names;
        }
        Set<String> missing = new HashSet<>(stored);
        JsonWriter json = new JsonWriter().beginArray();
        for (IndexEntry entry : engine.versions()) {
            Optional<ServedVersion> version = Optional
                    .ofNullable(served.get(entry.name() + "/" + entry.version().orElse(0)));
            String name = version.map(ServedVersion::name).orElse(entry.name());
            missing.remove(name);
            json.beginObject().name("id").string(entry.name()).name("name").string(name).name("version").string(
                    entry.version().isPresent() ? Long.toString(entry.version().getAsLong()) : "");
            json.name("state").string(entry.state().map(Enum::name).orElse("")).name("reason").string(entry.reason());
            version.ifPresent(each -> describe(json, each));
            json.endObject();
        }
        missing.stream().sorted().forEach(name -> json.beginObject().name("id").string(name).name("name").string(name)
                .name("version").string("").name("state").string("").name("reason").string("").endObject());
        return json.endArray().toByteArray();
    }

    private static void describe(JsonWriter json, ServedVersion version) {
        ModelConfig config = version.config();
        json.name("platform").string(config.platform().isEmpty() ? config.backend() : config.platform());
        json.name("loadMillis").integer(version.loadTime().toMillis());
        json.name("maxBatchSize").integer(config.maxBatchSize());
        json.name("scheduling").string(switch (config.scheduling()) {
            case Scheduling.DynamicBatching _ -> "dynamic batching";
            case Scheduling.SequenceBatching _ -> "sequences";
            case Scheduling.Ensemble _ -> "ensemble";
            case Scheduling.Direct _ -> "none";
        });
        json.name("instances").integer(version.load().instances()).name("devices").string(devices(config));
        json.name("decoupled").bool(config.isDecoupled()).name("cached").bool(config.isResponseCacheEnabled());
    }

    private static String devices(ModelConfig config) {
        Set<String> kinds = new HashSet<>();
        for (InstanceGroup group : config.instanceGroups()) {
            kinds.add(group.kind() == InstanceGroup.Kind.GPU ? "GPU " + group.gpus() : group.kind().name());
        }
        return String.join(", ", kinds.stream().sorted().toList());
    }

    private static String key(ServedVersion version) {
        return version.id() + "/" + version.version();
    }

    private byte[] statistics(List<ServedVersion> versions, long nanos, long millis) {
        Set<String> gone = new HashSet<>(figures.keySet());
        JsonWriter json = new JsonWriter().beginObject().name("time").integer(millis).name("versions").beginArray();
        for (ServedVersion version : versions) {
            String key = key(version);
            gone.remove(key);
            ModelStatistics statistics = version.statistics();
            VersionFigures own = figures.compute(key, (_, before) -> before != null && before.areOf(statistics)
                    ? before
                    : new VersionFigures(statistics, nanos));
            Point point = own.sample(nanos, millis, statistics.pendingCount(), version.load().busyInstances());
            json.beginObject().name("id").string(version.id()).name("version").string(version.versionText());
            json.name("instances").integer(version.load().instances());
            json.name("success").integer(statistics.success().count());
            json.name("inferences").integer(statistics.inferenceCount());
            json.name("executions").integer(statistics.executionCount());
            json.name("queueMicros").number(VersionFigures.meanMicros(statistics.queue()));
            json.name("inferMicros").number(VersionFigures.meanMicros(statistics.computeInfer()));
            json.name("last").integer(statistics.lastInferenceMillis());
            json.name("batches").beginArray();
            new TreeMap<>(statistics.batches()).forEach((rows, counter) -> json.beginArray().integer(rows)
                    .integer(counter.infer().count()).endArray());
            json.endArray();
            json.name("point");
            write(json, point);
            json.endObject();
        }
        figures.keySet().removeAll(gone);
        return json.endArray().endObject().toByteArray();
    }

    /** As an array, since there are many of them. */
    private static void write(JsonWriter json, Point point) {
        json.beginArray().integer(point.millis());
        number(json, point.rate());
        number(json, point.failureRate());
        number(json, point.p50Micros());
        number(json, point.p90Micros());
        number(json, point.p99Micros());
        json.integer(point.queued()).integer(point.busy());
        number(json, point.batch());
        json.endArray();
    }

    private static void number(JsonWriter json, double value) {
        if (Double.isNaN(value)) {
            json.nullValue();
        } else {
            json.number(value);
        }
    }

    private byte[] failures() {
        JsonWriter json = new JsonWriter().beginArray();
        for (RecentFailures.Failure failure : service.failures().latest()) {
            json.beginObject().name("time").integer(failure.lastMillis()).name("request").string(failure.request());
            json.name("code").string(failure.code().name()).name("message").string(failure.message());
            json.name("count").integer(failure.count()).endObject();
        }
        return json.endArray().toByteArray();
    }

    private byte[] log() {
        JsonWriter json = new JsonWriter().beginArray();
        log.ifPresent(tail -> tail.lines().forEach(json::string));
        return json.endArray().toByteArray();
    }

    /**
     * Returns the figures of the last five minutes of a version, as far as somebody looked; an empty list where there are
     * none.
     *
     * @param model the model's name, with its namespace where there are any
     */
    public byte[] history(String model, String version) {
        JsonWriter json = new JsonWriter().beginArray();
        VersionFigures own = figures.get(model + "/" + version);
        if (own != null) {
            own.points().forEach(point -> write(json, point));
        }
        return json.endArray().toByteArray();
    }
}

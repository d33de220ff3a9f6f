package dev.nereid.engine.trace;

import dev.nereid.backend.api.InferenceException;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;

/**
 * Selects the requests that are traced, as the settings of their model or the global ones say.
 *
 * <p>Threads: any. One short lock guards the settings; a request takes it only while tracing is on for some model.
 */
public final class Tracer implements AutoCloseable {
    private static final String ALL_MODELS = "";
    /** Spans have no content of tensors. */
    private static final Set<TraceLevel> TIMES = Set.of(TraceLevel.TIMESTAMPS);

    private final TraceSettings initial;
    private final Optional<TraceExporter> exporter;
    private final Map<String, TraceScope> models = new HashMap<>();
    /** The settings that hold for a model, as long as nothing changes them. */
    private final Map<String, TraceSettings> effective = new HashMap<>();
    private final AtomicLong lastId = new AtomicLong();
    private final boolean hasRemoteSpans;
    private TraceScope global;
    private volatile boolean isOn;

    private Tracer(TraceSettings initial, Optional<TraceExporter> exporter) {
        this.initial = initial;
        this.exporter = exporter;
        this.hasRemoteSpans = exporter.map(TraceExporter::hasRemoteSpans).orElse(false);
        this.global = TraceScope.of(initial);
        this.isOn = initial.isOn();
    }

    /**
     * Starts tracing as far as the settings say.
     *
     * @param initial the global settings, to which they return when they are cleared
     * @param exporter where traces go, which the tracer closes; without one nothing can be traced
     * @throws InferenceException INVALID_ARG for settings that can't work
     */
    public static Tracer create(TraceSettings initial, Optional<TraceExporter> exporter) {
        check(initial, exporter);
        return new Tracer(initial, exporter);
    }

    private static void check(TraceSettings settings, Optional<TraceExporter> exporter) {
        if (!settings.isOn()) {
            return;
        }
        if (settings.rate() == 0 && !exporter.map(TraceExporter::hasRemoteSpans).orElse(false)) {
            throw invalid("sample rate must be non-zero");
        }
        if (exporter.isEmpty()) {
            throw invalid("trace file name is not given");
        }
    }

    private static InferenceException invalid(String reason) {
        return InferenceException.invalid("Attempting to set invalid trace setting :" + reason);
    }

    /** Returns where traces go; empty for nowhere. */
    public Optional<TraceExporter> exporter() {
        return exporter;
    }

    /** Returns whether requests to any model may be traced. */
    public boolean isOn() {
        return isOn;
    }

    /** Returns the trace for the next request to a model, one that belongs to no span of a client's. */
    public RequestTrace begin(String model) {
        return begin(model, _ -> Optional.empty());
    }

    /**
     * Returns the trace for the next request to a model, which is {@link RequestTrace#OFF} where it is not traced.
     *
     * @param headers gives the value of a header of the request; asked only where clients' spans count
     */
    public RequestTrace begin(String model, Function<String, Optional<String>> headers) {
        if (!isOn) {
            return RequestTrace.OFF;
        }
        Optional<RemoteSpan> remote = hasRemoteSpans
                ? headers.apply(RemoteSpan.PARENT)
                        .flatMap(parent -> RemoteSpan.parse(parent, headers.apply(RemoteSpan.STATE).orElse("")))
                : Optional.empty();
        return select(model, remote);
    }

    private synchronized RequestTrace select(String model, Optional<RemoteSpan> remote) {
        TraceScope own = models.get(model);
        TraceScope scope = own == null ? global : own;
        TraceSettings settings = settingsOf(model);
        if (!settings.isOn()) {
            return RequestTrace.OFF;
        }
        if (remote.isEmpty()) {
            if (settings.rate() == 0 || !scope.selects(settings.rate()) || settings.count() == 0) {
                return RequestTrace.OFF;
            }
            if (settings.count() > 0) {
                (scope.hasCount() ? scope : global).countDown();
                effective.clear();
            }
        }
        return new RequestTrace(lastId.incrementAndGet(), 0, hasRemoteSpans ? TIMES : settings.levels(),
                settings.logFrequency(), lastId::incrementAndGet, remote);
    }

    /** Takes a trace whose request is answered. */
    public void finish(RequestTrace trace) {
        if (trace.isOn()) {
            exporter.ifPresent(open -> open.export(trace));
        }
    }

    /** Returns the global settings. */
    public synchronized TraceSettings settings() {
        return global.over(initial);
    }

    /** Returns the settings that hold for a model. */
    public synchronized TraceSettings settings(String model) {
        return settingsOf(model);
    }

    private TraceSettings settingsOf(String model) {
        TraceScope own = models.get(model);
        // One entry is for all models without settings of their own: clients may name any model.
        TraceSettings known = effective.get(own == null ? ALL_MODELS : model);
        if (known != null) {
            return known;
        }
        TraceSettings all = global.over(initial);
        TraceSettings settings = own == null ? all : own.over(all);
        effective.put(own == null ? ALL_MODELS : model, settings);
        return settings;
    }

    /**
     * Changes the global settings.
     *
     * @throws InferenceException INVALID_ARG for settings that can't work, for all models or for one
     */
    public synchronized TraceSettings change(TraceChange change) {
        TraceScope changed = TraceScope.of(global.with(change).over(initial));
        TraceSettings settings = changed.over(initial);
        check(settings, exporter);
        models.values().forEach(own -> check(own.over(settings), exporter));
        global = changed;
        refresh();
        return settings;
    }

    /**
     * Changes the settings of one model.
     *
     * @throws InferenceException INVALID_ARG for settings that can't work
     */
    public synchronized TraceSettings change(String model, TraceChange change) {
        TraceScope changed = models.getOrDefault(model, TraceScope.empty()).with(change);
        TraceSettings settings = changed.over(global.over(initial));
        check(settings, exporter);
        if (changed.isEmpty()) {
            models.remove(model);
        } else {
            models.put(model, changed);
        }
        refresh();
        return settings;
    }

    private void refresh() {
        effective.clear();
        TraceSettings all = global.over(initial);
        isOn = all.isOn() || models.values().stream().anyMatch(own -> own.over(all).isOn());
    }

    /** Ends tracing, and closes the exporter. */
    @Override
    public synchronized void close() {
        isOn = false;
        exporter.ifPresent(TraceExporter::close);
    }
}

package dev.nereid.isolation.host;

import dev.nereid.engine.stats.MetricFamily;
import dev.nereid.engine.stats.MetricFamily.Kind;
import dev.nereid.engine.stats.MetricFamily.Sample;
import dev.nereid.engine.stats.MetricFamily.Single;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The metrics of workers: of their processes, and of what runs in these. */
final class WorkerMetrics {
    private WorkerMetrics() {
    }

    /**
     * One worker as it is now.
     *
     * @param models the labels of its models
     * @param restarts how often a process was started after another
     * @param isUp whether a process works
     * @param residentBytes how much memory it occupies
     * @param families what runs in it
     */
    record Reading(List<Map<String, String>> models, long restarts, boolean isUp, long residentBytes,
            List<MetricFamily> families) {
    }

    static Reading read(Worker worker) {
        Optional<WorkerProcess> process = worker.working();
        return new Reading(worker.seats().stream().map(seat -> seat.guest().labels()).toList(), worker.restarts(),
                process.isPresent(), process.map(WorkerProcess::residentBytes).orElse(0L),
                process.map(WorkerProcess::metrics).orElse(List.of()));
    }

    static List<MetricFamily> families(List<Reading> readings) {
        if (readings.isEmpty()) {
            return List.of();
        }
        List<MetricFamily> all = List.of(
                family(readings, "nereid_worker_restarts",
                        "Number of times the process of an isolated model was started again", Kind.COUNTER,
                        Reading::restarts),
                family(readings, "nereid_worker_up", "Whether the process of an isolated model works", Kind.GAUGE,
                        reading -> reading.isUp() ? 1L : 0L),
                family(readings, "nereid_worker_resident_bytes",
                        "Memory that the process of an isolated model occupies, in bytes", Kind.GAUGE,
                        Reading::residentBytes));
        for (Reading reading : readings) {
            all = MetricFamily.merge(all, labelled(reading));
        }
        return all;
    }

    private static MetricFamily family(List<Reading> readings, String name, String help, Kind kind,
            java.util.function.Function<Reading, Long> value) {
        List<Sample> samples = new ArrayList<>();
        readings.forEach(reading -> reading.models()
                .forEach(model -> samples.add(new Sample(model, new Single(value.apply(reading))))));
        return new MetricFamily(name, help, kind, samples);
    }

    /** What backends say of themselves gets the labels of their model, for there are as many of them as processes. */
    private static List<MetricFamily> labelled(Reading reading) {
        if (reading.models().isEmpty()) {
            return List.of();
        }
        Map<String, String> model = reading.models().getFirst();
        return reading.families().stream().map(family -> new MetricFamily(family.name(), family.help(), family.kind(),
                family.samples().stream().map(sample -> {
                    Map<String, String> labels = new TreeMap<>(sample.labels());
                    if (!labels.containsKey("model")) {
                        labels.putAll(model);
                    }
                    return new Sample(labels, sample.value());
                }).toList())).toList();
    }
}
